-- name: invoices_one
-- $1: the booking whose invoice it is (its number says which).
SELECT invoice.invoice_no, invoice.booking_id, invoice.status, invoice.amount, invoice.currency, invoice.due_at,
       invoice.created_at, invoice.payment_url, b.user_name, b.show_id, b.quantity, paid.payments
FROM payment.invoices AS invoice
LEFT JOIN ticketing.bookings AS b ON b.booking_id = invoice.booking_id
CROSS JOIN LATERAL (
    SELECT coalesce(json_agg(json_build_object('payment_id', payment_id, 'status', status, 'reason', reason) ORDER BY attempt),
                    '[]') AS payments
    FROM payment.payments WHERE payments.booking_id = invoice.booking_id
) AS paid
WHERE invoice.booking_id = $1
