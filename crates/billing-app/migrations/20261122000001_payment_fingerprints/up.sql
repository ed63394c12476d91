-- SHA-256 of the message's body: another body under an id that is known is no payment, and must not be dropped silently.
-- NULL for payments that were recorded before; the version before this one goes on without the column.
ALTER TABLE orders ADD COLUMN fingerprint BYTEA;
