-- payment: invoices and payments. An invoice's number is its booking's id in other digits (INV-…), so the primary key says
-- both "one invoice per booking" and "found by number"; a payment's id is the invoice's number and the attempt.

CREATE TYPE payment.invoice_status AS ENUM ('OPEN', 'PAID', 'FAILED', 'VOID', 'REFUNDED');
CREATE TYPE payment.payment_status AS ENUM ('PENDING', 'SUCCEEDED', 'FAILED', 'REFUNDED');

CREATE TABLE payment.invoices (
    booking_id   uuid PRIMARY KEY,
    amount       bigint NOT NULL CHECK (amount >= 0),
    due_at       timestamptz NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    status       payment.invoice_status NOT NULL DEFAULT 'OPEN',
    pays_by_link boolean NOT NULL,
    currency     text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    invoice_no   text COLLATE "C" NOT NULL,
    payment_url  text NOT NULL
) WITH (fillfactor = 45);

CREATE TABLE payment.payments (
    booking_id uuid NOT NULL,
    attempt    smallint NOT NULL DEFAULT 1 CHECK (attempt >= 1),
    status     payment.payment_status NOT NULL,
    amount     bigint NOT NULL CHECK (amount >= 0),
    created_at timestamptz NOT NULL DEFAULT now(),
    currency   text NOT NULL,
    invoice_no text COLLATE "C" NOT NULL,
    payment_id text COLLATE "C" NOT NULL,
    reason     text,
    PRIMARY KEY (booking_id, attempt)
) WITH (fillfactor = 60);

GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA payment TO karcis_payment;
GRANT SELECT ON ALL TABLES IN SCHEMA payment TO karcis_aggregator;
