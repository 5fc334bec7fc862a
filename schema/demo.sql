-- Two shows to try things with: 'demo' has numbered seats A1 to E10, 'demo-standing' is general admission. Run again, it
-- changes nothing.
INSERT INTO ticketing.shows (show_id, title, venue, starts_at, doors_at, amount, currency, general)
VALUES ('demo', 'Malam Gamelan', 'Gedung Kesenian Jakarta', '2030-01-05 19:30+07', '2030-01-05 18:30+07', 125000, 'IDR', false),
       ('demo-standing', 'Pesta Rakyat', 'Lapangan Banteng', '2030-02-02 16:00+07', '2030-02-02 15:00+07', 50000, 'IDR', true)
ON CONFLICT DO NOTHING;

INSERT INTO ticketing.seats (show_id, label, position)
SELECT 'demo', chr(64 + r) || n, (r - 1) * 10 + n FROM generate_series(1, 5) AS r, generate_series(1, 10) AS n
WHERE NOT EXISTS (SELECT FROM ticketing.seats WHERE show_id = 'demo')
ORDER BY r, n;

INSERT INTO ticketing.seats (show_id, label, position)
SELECT 'demo-standing', lpad(n::text, 3, '0'), n FROM generate_series(1, 200) AS n
WHERE NOT EXISTS (SELECT FROM ticketing.seats WHERE show_id = 'demo-standing')
ORDER BY n;
