-- name: replay_letter
-- One row for each field of the entry, in its order, names that come twice included; one without a name if it has none.
SELECT letter.stream, letter.entry_id, letter.dead_entry_id, letter.is_exact, field.name, field.value
FROM log.dead_letters AS letter
LEFT JOIN LATERAL json_each_text(letter.fields) WITH ORDINALITY AS field(name, value, place) ON true
WHERE letter.dead_letter_id = $1 ORDER BY field.place
