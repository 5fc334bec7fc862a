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
FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[])
    AS payment(booking_id, status, amount, currency, invoice_no, payment_id, reason)

-- name: charge_invoices
WITH charged AS (
    UPDATE payment.invoices
    SET status = (CASE WHEN booking_id = ANY($2::uuid[]) THEN 'FAILED' ELSE 'PAID' END)::payment.invoice_status
    WHERE booking_id = ANY($1::uuid[]) AND status = 'OPEN'
    RETURNING 1)
SELECT karcis.expect(count(*), $3) FROM charged
