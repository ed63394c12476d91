-- Who gets an order. A registered user is a customer under the same id; an email may occur twice, in one household for instance.
CREATE SCHEMA customers;
CREATE TABLE customers.customers (
    id uuid PRIMARY KEY,
    email text NOT NULL,
    address text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
