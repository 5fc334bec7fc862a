-- roles: the database karcis, its owner, and one role for each program. Run by a superuser through migrate, before the
-- migrations, which grant each role what its program needs. May run any number of times.
--
-- Reads from the environment PUBLISHER_DB_PASSWORD, TICKET_DB_PASSWORD, PAYMENT_DB_PASSWORD, AGGREGATOR_DB_PASSWORD and, unless the
-- owner is known already, OWNER_DB_PASSWORD.

\getenv publisher PUBLISHER_DB_PASSWORD
\getenv ticket TICKET_DB_PASSWORD
\getenv payment PAYMENT_DB_PASSWORD
\getenv aggregator AGGREGATOR_DB_PASSWORD
\getenv owner OWNER_DB_PASSWORD

-- For this session: two at once must not make the same role.
SELECT pg_advisory_lock(20240811) \g /dev/null

SELECT format('CREATE ROLE %I LOGIN', role)
FROM unnest(ARRAY['karcis', 'karcis_publisher', 'karcis_ticket', 'karcis_payment', 'karcis_aggregator']) AS role
WHERE role NOT IN (SELECT rolname FROM pg_roles) \gexec

ALTER ROLE karcis_publisher PASSWORD :'publisher';
ALTER ROLE karcis_ticket PASSWORD :'ticket';
ALTER ROLE karcis_payment PASSWORD :'payment';
ALTER ROLE karcis_aggregator PASSWORD :'aggregator';
\if :{?owner}
ALTER ROLE karcis PASSWORD :'owner';
\endif

SELECT 'CREATE DATABASE karcis OWNER karcis ENCODING UTF8 TEMPLATE template0'
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'karcis') \gexec

REVOKE ALL ON DATABASE karcis FROM PUBLIC;
GRANT CONNECT ON DATABASE karcis TO karcis_publisher, karcis_ticket, karcis_payment, karcis_aggregator;
