DROP INDEX accounts.sessions_expired;
