-- Shippings: one for each order that asked for one. A shipping is PROCESSING while it waits to be told who its customer is.
CREATE SCHEMA shippings;
CREATE TABLE shippings.shippings (
    id uuid PRIMARY KEY,
    order_id uuid NOT NULL CONSTRAINT shippings_order_id_key UNIQUE,
    customer_id uuid NOT NULL,
    status text NOT NULL CONSTRAINT shippings_status_known CHECK (status IN ('PROCESSING', 'SUCCESS', 'FAIL')),
    beers jsonb NOT NULL, -- as the order has listed them
    email text,
    address text,
    asks integer NOT NULL, -- how often the customer was asked for
    ask_again_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT shippings_processing_waits CHECK ((status = 'PROCESSING') = (ask_again_at IS NOT NULL)),
    CONSTRAINT shippings_success_has_a_goal CHECK (status <> 'SUCCESS' OR (email IS NOT NULL AND address IS NOT NULL))
);

-- What the timer looks for.
CREATE INDEX shippings_overdue ON shippings.shippings (ask_again_at) WHERE status = 'PROCESSING';
