-- Roles for a Postgres of your own: one that migrates, one that the services have, one that only reads.
--   psql -v market=tradematrix -v dagster=tradematrix_dagster -f deploy/roles.sql postgres
-- Run it as a superuser, before or after the first `tradematrix migrate`, and again whenever you like. Then give each of
-- the three a password with \password, and let pg_hba.conf ask for it (scram-sha-256, hostssl).
--
--   tradematrix_migrate   owns databases and tables: TRADEMATRIX_DATABASE_URL of `tradematrix migrate`
--   tradematrix_write     reads and writes rows: of code server, daemon and web UI, with TRADEMATRIX_AUTO_MIGRATE=0
--   tradematrix_read      reads rows: of board, metrics and Grafana
--   tradematrix_reader    reads the views api.*: of other programs; it can't log in until you let it
\set ON_ERROR_STOP on

SELECT format('CREATE ROLE %I LOGIN', role)
FROM unnest(ARRAY['tradematrix_migrate', 'tradematrix_write', 'tradematrix_read']) AS role
WHERE to_regrole(role) IS NULL \gexec
SELECT 'CREATE ROLE tradematrix_reader NOLOGIN' WHERE to_regrole('tradematrix_reader') IS NULL \gexec
ALTER ROLE tradematrix_read SET default_transaction_read_only = on;

SELECT format('CREATE DATABASE %I OWNER tradematrix_migrate ENCODING ''UTF8'' LOCALE ''C'' TEMPLATE template0', name)
FROM unnest(ARRAY[:'market', :'dagster']) AS name
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = name) \gexec

-- Nobody else gets in. The writer stages candles in temporary tables.
REVOKE ALL ON DATABASE :"market", :"dagster" FROM PUBLIC;
GRANT ALL ON DATABASE :"market", :"dagster" TO tradematrix_migrate;
GRANT CONNECT, TEMPORARY ON DATABASE :"market", :"dagster" TO tradematrix_write;
GRANT CONNECT ON DATABASE :"market", :"dagster" TO tradematrix_read;
GRANT CONNECT ON DATABASE :"market" TO tradematrix_reader;

\connect :"market"
GRANT ALL ON SCHEMA public TO tradematrix_migrate;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO tradematrix_write, tradematrix_read;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO tradematrix_write;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO tradematrix_write;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO tradematrix_read;
ALTER DEFAULT PRIVILEGES FOR ROLE tradematrix_migrate IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO tradematrix_write;
ALTER DEFAULT PRIVILEGES FOR ROLE tradematrix_migrate IN SCHEMA public
    GRANT USAGE, SELECT ON SEQUENCES TO tradematrix_write;
ALTER DEFAULT PRIVILEGES FOR ROLE tradematrix_migrate IN SCHEMA public GRANT SELECT ON TABLES TO tradematrix_read;

\connect :"dagster"
GRANT ALL ON SCHEMA public TO tradematrix_migrate;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO tradematrix_write, tradematrix_read;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO tradematrix_write;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO tradematrix_write;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO tradematrix_read;
ALTER DEFAULT PRIVILEGES FOR ROLE tradematrix_migrate IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO tradematrix_write;
ALTER DEFAULT PRIVILEGES FOR ROLE tradematrix_migrate IN SCHEMA public
    GRANT USAGE, SELECT ON SEQUENCES TO tradematrix_write;
ALTER DEFAULT PRIVILEGES FOR ROLE tradematrix_migrate IN SCHEMA public GRANT SELECT ON TABLES TO tradematrix_read;
