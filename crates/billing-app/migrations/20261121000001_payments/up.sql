-- Payments live in `public`, so that `TABLE orders;` shows them as the exercise asks.
CREATE TABLE orders (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id TEXT NOT NULL CONSTRAINT orders_user_id_length CHECK (char_length(user_id) BETWEEN 1 AND 64),
    number_of_items INTEGER NOT NULL CONSTRAINT orders_number_of_items_positive CHECK (number_of_items > 0),
    total_amount NUMERIC(14, 2) NOT NULL CONSTRAINT orders_total_amount_not_negative CHECK (total_amount >= 0),
    message_id UUID NOT NULL CONSTRAINT orders_message_id_key UNIQUE,
    recorded_at TIMESTAMPTZ NOT NULL DEFAULT now()
);

CREATE TABLE rejections (
    message_id UUID PRIMARY KEY,
    reason TEXT NOT NULL,
    rejected_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
