-- charge: an open invoice is charged once.

-- name: charge_load
-- A payment is looked up only for invoices that have been charged.
SELECT invoice.booking_id, invoice.status::text, invoice.amount, invoice.currency, invoice.due_at, invoice.pays_by_link,
       payment.payment_id, payment.status::text, payment.reason
FROM payment.invoices AS invoice
LEFT JOIN LATERAL (
    SELECT payment_id, status, reason FROM payment.payments
    WHERE booking_id = invoice.booking_id AND invoice.status <> 'OPEN'
    ORDER BY attempt DESC LIMIT 1) AS payment ON true
WHERE invoice.booking_id = ANY($1::uuid[])

-- name: charge_payments
INSERT INTO payment.payments (booking_id, status, amount, currency, invoice_no, payment_id, reason)
SELECT booking_id, status::payment.payment_status, amount, currency, invoice_no, payment_id, reason
FROM (SELECT unnest($1::uuid[]) AS booking_id, unnest($2::text[]) AS status, unnest($3::bigint[]) AS amount,
             unnest($4::text[]) AS currency, unnest($5::text[]) AS invoice_no, unnest($6::text[]) AS payment_id,
             unnest($7::text[]) AS reason) AS payment

-- name: charge_invoices
WITH charged AS (
    UPDATE payment.invoices
    SET status = (CASE WHEN booking_id = ANY($2::uuid[]) THEN 'FAILED' ELSE 'PAID' END)::payment.invoice_status
    WHERE booking_id = ANY($1::uuid[]) AND status = 'OPEN'
    RETURNING 1)
SELECT karcis.expect(count(*), $3) FROM charged
