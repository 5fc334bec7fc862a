-- The four owners' schemas, and what each role may do in them. The roles themselves are made by roles.sql (they belong to
-- the server, not to the database). One owner per table: nobody writes another's, the aggregator reads all.

CREATE SCHEMA ticketing;
CREATE SCHEMA payment;
CREATE SCHEMA log;
CREATE SCHEMA karcis; -- what all of them call

REVOKE ALL ON SCHEMA public FROM PUBLIC;
REVOKE ALL ON DATABASE karcis FROM PUBLIC;
GRANT CONNECT ON DATABASE karcis TO karcis_publisher, karcis_ticket, karcis_payment, karcis_aggregator;

GRANT USAGE ON SCHEMA karcis TO karcis_publisher, karcis_ticket, karcis_payment, karcis_aggregator;
GRANT USAGE ON SCHEMA ticketing TO karcis_publisher, karcis_ticket, karcis_aggregator;
GRANT USAGE ON SCHEMA payment TO karcis_payment, karcis_aggregator;
GRANT USAGE ON SCHEMA log TO karcis_aggregator;

-- Ends the transaction when a statement changed another number of rows than its batch decided on: somebody was faster.
-- 40001 is what the engine answers by loading and deciding again.
CREATE FUNCTION karcis.expect(changed bigint, wanted bigint) RETURNS void LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF changed IS DISTINCT FROM wanted THEN
        RAISE EXCEPTION 'changed % rows, expected %', changed, wanted USING ERRCODE = 'serialization_failure';
    END IF;
END $$;
