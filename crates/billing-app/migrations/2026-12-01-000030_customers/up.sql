-- Who receives what is ordered. A registered user is one, with the same id.
CREATE SCHEMA customers;

CREATE TABLE customers.customers (
    id uuid PRIMARY KEY,
    email text NOT NULL,
    address text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
