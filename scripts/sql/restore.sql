-- Puts the databases that scripts/restore has loaded in the place of the present ones, both or none.
\set ON_ERROR_STOP on
SET client_min_messages = 'warning';

DROP DATABASE IF EXISTS :"replaced_movies";
DROP DATABASE IF EXISTS :"replaced_orders";
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname IN (:'movies', :'orders', :'loaded_movies', :'loaded_orders');
BEGIN;
ALTER DATABASE :"movies" RENAME TO :"replaced_movies";
ALTER DATABASE :"loaded_movies" RENAME TO :"movies";
ALTER DATABASE :"orders" RENAME TO :"replaced_orders";
ALTER DATABASE :"loaded_orders" RENAME TO :"orders";
COMMIT;
DROP DATABASE :"replaced_movies" WITH (FORCE);
DROP DATABASE :"replaced_orders" WITH (FORCE);
