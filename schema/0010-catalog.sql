-- Changing shows and seats while people book them. Nothing here costs hold anything: a tag is made when it is read, and whoever
-- takes a show or a seat away waits for hold, never hold for a tag.

-- Ends the transaction and says with which code. publisher answers with it: a statement can refuse what those before it did.
CREATE FUNCTION karcis.refuse_if(is_refused boolean, code text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF is_refused THEN
        RAISE EXCEPTION '%', code USING ERRCODE = 'KR001';
    END IF;
END $$;

-- What a show's ETag begins with. It changes with every change of the show or its list of seats, not with its stock, and a show
-- made again under the same id never has a tag that the one before had: it is made later than that was changed.
CREATE FUNCTION ticketing.tag(show ticketing.shows) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT ((extract(epoch FROM show.created_at) * 1000000)::bigint + show.version)::text
$$;

-- A seat's ETag is made of what is shown of it: it changes when hold takes the seat, and hold need not count for that.
CREATE FUNCTION ticketing.tag(seat ticketing.seats, show ticketing.shows) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT md5(concat_ws(' ', seat.seat_id, seat.status, coalesce(seat.amount, show.amount), show.currency, seat.booking_id))
$$;

-- From now to the end of the transaction nobody begins to wait, and everybody who has begun can be seen by the next statement.
-- Whoever calls it must not wait for a row afterwards: hold may have that row and want to wait.
CREATE FUNCTION ticketing.stop_waiting() RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    LOCK TABLE ticketing.waitlist IN SHARE MODE;
END $$;
REVOKE ALL ON FUNCTION ticketing.stop_waiting() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ticketing.stop_waiting() TO karcis_publisher;

GRANT SELECT ON ticketing.waitlist TO karcis_publisher;
