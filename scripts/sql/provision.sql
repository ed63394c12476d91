-- One role and its database, as .env names them; run by scripts/up with ROLE_PASSWORD in the environment.
-- Idempotent: a changed password takes effect, data stay. Statements with a password stay out of the server's log.
\set ON_ERROR_STOP on
\set password `printenv ROLE_PASSWORD`
SET log_statement = 'none';
SET log_min_error_statement = 'panic';
SET client_min_messages = 'warning';

SELECT format('CREATE ROLE %I', :'role') WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'role') \gexec
ALTER ROLE :"role" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD :'password';

SELECT format('CREATE DATABASE %I OWNER %I', :'database', :'role')
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database') \gexec
ALTER DATABASE :"database" OWNER TO :"role";

-- Each role reaches its own database only.
REVOKE ALL ON DATABASE :"database", postgres, template1 FROM PUBLIC;
