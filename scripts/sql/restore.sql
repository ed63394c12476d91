-- Puts the database that scripts/restore has loaded in the place of the present one; there is always one of that name.
\set ON_ERROR_STOP on
SET client_min_messages = 'warning';

DROP DATABASE IF EXISTS :"replaced";
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname IN (:'database', :'loaded');
BEGIN;
ALTER DATABASE :"database" RENAME TO :"replaced";
ALTER DATABASE :"loaded" RENAME TO :"database";
COMMIT;
DROP DATABASE :"replaced" WITH (FORCE);
