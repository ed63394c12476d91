CREATE SCHEMA orders;

CREATE TABLE orders.orders (
    id UUID PRIMARY KEY, -- version 7: the order of lists
    user_id UUID, -- who pays; NULL for what the operator orders for a customer, which costs nothing
    customer_id UUID NOT NULL,
    status TEXT NOT NULL CONSTRAINT orders_status_known CHECK (status IN ('OPEN', 'PROCESSING', 'SHIPPED', 'CANCELLED')),
    total NUMERIC(14, 2), -- what was fixed at checkout
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    asks INTEGER NOT NULL DEFAULT 0, -- how often its shipping was asked for
    ask_again_at TIMESTAMPTZ, -- when that is due again
    CONSTRAINT orders_total_fixed CHECK ((status = 'OPEN') = (total IS NULL)),
    CONSTRAINT orders_asked_while_processing CHECK ((status = 'PROCESSING') = (ask_again_at IS NOT NULL))
);

-- One open order for each user, also when many requests make it at once.
CREATE UNIQUE INDEX orders_open ON orders.orders (user_id) WHERE status = 'OPEN';
-- The orders of a user, page by page.
CREATE INDEX orders_of_user ON orders.orders (user_id, id);
-- What the timer looks for.
CREATE INDEX orders_due ON orders.orders (ask_again_at) WHERE status = 'PROCESSING';

CREATE TABLE orders.order_lines (
    order_id UUID NOT NULL REFERENCES orders.orders (id),
    sku TEXT NOT NULL CONSTRAINT order_lines_sku_length CHECK (char_length(sku) BETWEEN 1 AND 255),
    name TEXT NOT NULL,
    quantity INTEGER NOT NULL CONSTRAINT order_lines_quantity_range CHECK (quantity BETWEEN 1 AND 1000000),
    price NUMERIC(8, 2) NOT NULL, -- the one that was shown last; that of the checkout afterwards
    position BIGINT GENERATED ALWAYS AS IDENTITY, -- the order in which beers were added
    PRIMARY KEY (order_id, sku)
);

-- Each state of an order once, with its time.
CREATE TABLE orders.order_history (
    order_id UUID NOT NULL REFERENCES orders.orders (id),
    status TEXT NOT NULL CONSTRAINT order_history_status_known CHECK (status IN ('OPEN', 'PROCESSING', 'SHIPPED', 'CANCELLED')),
    at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (order_id, status)
);

-- An order ends once.
CREATE UNIQUE INDEX order_history_end ON orders.order_history (order_id) WHERE status IN ('SHIPPED', 'CANCELLED');
