-- Messages that a transaction has written and the relay has not published yet (crate `broker`, module `outbox`).
--
-- The table is in `public`, beside the migrations' own: it belongs to the database, not to one of its contexts, and each
-- context writes to it within its own transactions. A row that the broker did not take stays, with the reason in `last_error`.
CREATE TABLE outbox (
    id UUID PRIMARY KEY, -- the message's id
    route TEXT NOT NULL CONSTRAINT outbox_route_known CHECK (route ~ '^(queue|fanout):.'),
    body BYTEA NOT NULL CONSTRAINT outbox_body_length CHECK (octet_length(body) <= 262144),
    headers JSONB NOT NULL DEFAULT '{}' CONSTRAINT outbox_headers_object CHECK (jsonb_typeof(headers) = 'object'),
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    position BIGINT GENERATED ALWAYS AS IDENTITY, -- the order of rows of one age
    attempts INTEGER NOT NULL DEFAULT 0, -- how often the broker did not take it
    retry_at TIMESTAMPTZ, -- not before then; NULL: at once
    last_error TEXT
);

-- The order in which the relay takes them: what has failed gives way to what has not.
CREATE INDEX outbox_order ON outbox (attempts, created_at, position);
