ALTER TABLE orders DROP COLUMN fingerprint;
