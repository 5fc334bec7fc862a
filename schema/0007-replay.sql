-- Dead letters that can be replayed. publisher puts a letter's entry back on its stream and reads for that what it needs, and
-- no more; that the replay arrived is noted by the owner, the aggregator.

ALTER TABLE log.dead_letters
    -- fields is the entry, byte for byte. Otherwise it was cut, or holds what JSON cannot, and must not be replayed from here.
    ADD COLUMN is_exact boolean NOT NULL DEFAULT false,
    ADD COLUMN dead_entry_id text;   -- the letter's own place on the stream `dead`: what redis-cli shows of it

CREATE INDEX dead_letters_by_entry ON log.dead_letters (dead_entry_id);
CREATE INDEX dead_letters_open ON log.dead_letters (dead_letter_id) WHERE replayed_at IS NULL;

GRANT USAGE ON SCHEMA log TO karcis_publisher;
GRANT SELECT (dead_letter_id, stream, entry_id, dead_entry_id, fields, is_exact) ON log.dead_letters TO karcis_publisher;
