-- name: invoice_load
SELECT booking_id, amount, currency, due_at, payment_url, pays_by_link
FROM payment.invoices
WHERE booking_id = ANY($1::uuid[])

-- name: invoice_store
-- No ON CONFLICT: if somebody else made it meanwhile, this batch is decided again and finds it.
INSERT INTO payment.invoices (booking_id, amount, due_at, pays_by_link, currency, invoice_no, payment_url)
SELECT unnest($1::uuid[]), unnest($2::bigint[]), unnest($3::timestamptz[]), unnest($4::boolean[]), unnest($5::text[]),
       unnest($6::text[]), unnest($7::text[])
