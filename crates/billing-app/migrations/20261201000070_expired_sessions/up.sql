-- What the timer of the accounts looks for.
CREATE INDEX sessions_expired ON accounts.sessions (expires_at);
