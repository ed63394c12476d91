-- The order that a checkout paid for; NULL for every other payment, and for those that were recorded before.
ALTER TABLE orders ADD COLUMN order_id UUID;

-- What is given back of the payments of orders that were cancelled: at most once for each order.
CREATE TABLE refunds (
    order_id UUID PRIMARY KEY,
    user_id UUID NOT NULL,
    total_amount NUMERIC(14, 2) NOT NULL CONSTRAINT refunds_total_amount_not_negative CHECK (total_amount >= 0),
    recorded_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
