-- Users, their sessions, and the failed logins of each name.
CREATE SCHEMA accounts;

-- Names and addresses are compared without the case of ASCII letters, whatever the locale of the server.
CREATE TABLE accounts.users (
    id UUID PRIMARY KEY,
    username TEXT NOT NULL CONSTRAINT users_username_length CHECK (char_length(username) BETWEEN 1 AND 64),
    username_key TEXT GENERATED ALWAYS AS (lower(username COLLATE "C")) STORED NOT NULL CONSTRAINT users_username_taken UNIQUE,
    email TEXT NOT NULL CONSTRAINT users_email_length CHECK (char_length(email) BETWEEN 1 AND 254),
    email_key TEXT GENERATED ALWAYS AS (lower(email COLLATE "C")) STORED NOT NULL CONSTRAINT users_email_taken UNIQUE,
    password_hash TEXT NOT NULL, -- argon2id, as a PHC string
    first_name TEXT,
    last_name TEXT,
    address TEXT,
    registered_at TIMESTAMPTZ NOT NULL DEFAULT now()
);

-- A token is never kept: only its SHA-256 is. A row that has expired is removed by the user's next login.
CREATE TABLE accounts.sessions (
    id UUID PRIMARY KEY,
    user_id UUID NOT NULL REFERENCES accounts.users ON DELETE CASCADE,
    token_hash BYTEA NOT NULL CONSTRAINT sessions_token_hash_key UNIQUE
        CONSTRAINT sessions_token_hash_length CHECK (octet_length(token_hash) = 32),
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    expires_at TIMESTAMPTZ NOT NULL
);

CREATE INDEX sessions_user ON accounts.sessions (user_id, created_at);

-- How often a login under a name has failed, whether there is such a user or not. The name is kept as its SHA-256:
-- people type their passwords into the wrong field, and any text may be sent as a name.
CREATE TABLE accounts.failed_logins (
    name_hash BYTEA PRIMARY KEY CONSTRAINT failed_logins_name_hash_length CHECK (octet_length(name_hash) = 32),
    failures INTEGER NOT NULL,
    failed_at TIMESTAMPTZ NOT NULL,
    blocked_until TIMESTAMPTZ NOT NULL
);

CREATE INDEX failed_logins_age ON accounts.failed_logins (failed_at);
