-- What an entry of `events` says beside topic, event_id, timestamp, source and payload, as an object of texts; NULL: nothing. On
-- the flow's streams all fields are the payload. Like the payload it is json, not jsonb, which would forget the order of the
-- fields and all but one of those with the same name.
-- NULL for all that is there, so nothing is rewritten. From now on a row without extra is 8 bytes longer (of some 250 with its
-- index entries): one that has a NULL has a map of its columns.
ALTER TABLE log.events ADD COLUMN extra json;
