"""schema/invariants.sql finds what it promises to find: for each rule a history that breaks it."""
import re

from karcis import ROOT, new_id

# Constraints that refuse some of it already; in the transaction that is rolled back they are gone.
DISARM = """
ALTER TABLE ticketing.seats DROP CONSTRAINT owned_unless_open;
ALTER TABLE ticketing.bookings DROP CONSTRAINT seats_when_held;
"""
# :confirmed, :failed, :rejected, :waiting and :linked are bookings.
MUTANTS = [
    ("seat_owned_by_a_booking_that_does_not_list_it",
     "UPDATE ticketing.seats SET status = 'BOOKED', booking_id = :confirmed WHERE status = 'OPEN' AND show_id = :show"),
    ("seat_owned_by_a_booking_that_does_not_list_it",
     f"UPDATE ticketing.seats SET status = 'ON_GOING', booking_id = '{new_id()}' WHERE status = 'OPEN' AND show_id = :show"),
    ("booking_lists_a_seat_it_does_not_own", "UPDATE ticketing.seats SET status = 'OPEN', booking_id = NULL WHERE booking_id = :confirmed"),
    ("booking_lists_a_seat_it_does_not_own", "UPDATE ticketing.bookings SET seats = '{A2,A1}' WHERE booking_id = :confirmed"),
    ("booking_lists_a_seat_it_does_not_own", "UPDATE ticketing.bookings SET show_id = 'demo' WHERE booking_id = :confirmed"),
    ("seat_and_booking_statuses_disagree", "UPDATE ticketing.seats SET status = 'ON_GOING' WHERE booking_id = :confirmed"),
    ("seat_and_booking_statuses_disagree", "UPDATE ticketing.seats SET status = 'BOOKED' WHERE booking_id = :linked"),
    ("seat_listed_twice", "UPDATE ticketing.bookings SET seat_ids = array[seat_ids[1], seat_ids[1]] WHERE booking_id = :confirmed"),
    ("seat_listed_twice", "UPDATE ticketing.bookings SET seat_ids = (SELECT seat_ids[1:1] FROM ticketing.bookings "
                          "WHERE booking_id = :confirmed) WHERE booking_id = :linked"),
    ("booking_holds_another_number_of_seats", "UPDATE ticketing.bookings SET quantity = 3 WHERE booking_id = :confirmed"),
    ("booking_holds_another_number_of_seats", "UPDATE ticketing.bookings SET seats = '{}', seat_ids = '{}' WHERE booking_id = :linked"),
    ("booking_keeps_seats_without_right", "UPDATE ticketing.bookings SET seat_ids = '{1}' WHERE booking_id = :failed"),
    ("booking_keeps_seats_without_right", "UPDATE ticketing.bookings SET seat_ids = '{1}' WHERE booking_id = :waiting"),
    ("booking_amount_is_not_its_seats_prices", "UPDATE ticketing.bookings SET amount = amount + 1 WHERE booking_id = :confirmed"),
    ("booking_amount_is_not_its_seats_prices", "UPDATE ticketing.bookings SET currency = 'EUR' WHERE booking_id = :linked"),
    ("closed_at_and_status_disagree", "UPDATE ticketing.bookings SET closed_at = NULL WHERE booking_id = :confirmed"),
    ("closed_at_and_status_disagree", "UPDATE ticketing.bookings SET closed_at = now() WHERE booking_id = :waiting"),
    ("refused_without_reason", "UPDATE ticketing.bookings SET reason = NULL WHERE booking_id = :rejected"),
    ("two_bookings_of_one_entry", "UPDATE ticketing.bookings SET (entry_ms, entry_seq) = (SELECT entry_ms, entry_seq "
                                  "FROM ticketing.bookings WHERE booking_id = :failed) WHERE booking_id = :rejected"),
    ("waitlist_and_status_disagree", "DELETE FROM ticketing.waitlist WHERE booking_id = :waiting"),
    ("waitlist_and_status_disagree", "UPDATE ticketing.waitlist SET entry_ms = entry_ms + 1 WHERE booking_id = :waiting"),
    ("waitlist_and_status_disagree", "INSERT INTO ticketing.waitlist SELECT show_id, entry_ms, entry_seq, booking_id "
                                     "FROM ticketing.bookings WHERE booking_id = :rejected"),
    ("waits_for_what_is_not_there", "DELETE FROM ticketing.seats WHERE show_id = :show AND label = 'A1'"),
    ("waits_for_what_is_not_there", "UPDATE ticketing.bookings SET seats = '{}', show_id = 'no-show' WHERE booking_id = :waiting"),
    ("invoice_without_booking", f"UPDATE payment.invoices SET booking_id = '{new_id()}' WHERE booking_id = :confirmed"),
    ("invoice_amount_is_not_the_bookings", "UPDATE payment.invoices SET amount = amount - 1 WHERE booking_id = :confirmed"),
    ("invoice_amount_is_not_the_bookings", "UPDATE payment.invoices SET currency = 'EUR' WHERE booking_id = :linked"),
    ("invoice_due_after_the_hold", "UPDATE payment.invoices SET due_at = due_at + interval '6 s' WHERE booking_id = :linked"),
    ("payment_without_invoice", "DELETE FROM payment.invoices WHERE booking_id = :confirmed"),
    ("payment_without_invoice", "UPDATE payment.payments SET invoice_no = 'INV-0' WHERE booking_id = :confirmed"),
    ("payment_amount_is_not_the_invoices", "UPDATE payment.payments SET amount = 0 WHERE booking_id = :confirmed"),
    ("paid_twice", "INSERT INTO payment.payments SELECT booking_id, 2, status, amount, created_at, currency, invoice_no, 'PAY-2' "
                   "FROM payment.payments WHERE booking_id = :confirmed"),
    ("invoice_and_payment_statuses_disagree", "UPDATE payment.invoices SET status = 'FAILED' WHERE booking_id = :confirmed"),
    ("invoice_and_payment_statuses_disagree", "UPDATE payment.payments SET status = 'REFUNDED' WHERE booking_id = :confirmed"),
    ("invoice_and_payment_statuses_disagree", "DELETE FROM payment.payments WHERE booking_id = :failed"),
    ("confirmed_without_paid_invoice", "DELETE FROM payment.invoices WHERE booking_id = :confirmed"),
    ("payment_failed_without_failed_payment", "UPDATE payment.payments SET status = 'SUCCEEDED' WHERE booking_id = :failed"),
    ("counted_events_are_not_the_logged", "UPDATE log.counters SET unique_processed = unique_processed + 1 WHERE topic = 'seat.held'"),
    ("counted_events_are_not_the_logged", "DELETE FROM log.events WHERE event_id = :confirmed || ':held'"),
    ("counted_duplicates_are_not_the_logged",
     "UPDATE log.counters SET duplicate_dropped = duplicate_dropped + 1 WHERE topic = 'seat.held'"),
    ("counted_duplicates_are_not_the_logged", "INSERT INTO log.duplicates VALUES (1, 1, 0, false, 'booking.requested', 'x')"),
    ("counted_duplicates_are_not_the_logged", "UPDATE log.counters SET conflicts = conflicts + 1 WHERE topic = 'seat.held'"),
    ("counted_rejections_are_not_the_logged", "INSERT INTO log.rejected VALUES (1, 1, 0, 'x')"),
    ("entry_logged_twice", "INSERT INTO log.rejected SELECT entry_ms, entry_seq, stream, 'x' FROM log.events "
                           "WHERE event_id = :confirmed || ':held'"),
    ("unfinished_booking", "UPDATE ticketing.bookings SET status = 'HELD' WHERE booking_id = :linked"),
    ("unfinished_booking", "UPDATE ticketing.bookings SET pays_by_link = false WHERE booking_id = :linked"),
    ("awaits_payment_without_open_invoice", "DELETE FROM payment.invoices WHERE booking_id = :linked"),
    ("open_invoice_of_a_closed_booking", "UPDATE payment.invoices SET status = 'OPEN' WHERE booking_id = :failed"),
    ("money_kept_without_seats", "UPDATE ticketing.bookings SET status = 'CANCELLED' WHERE booking_id = :confirmed"),
    ("unfinished_payment", "UPDATE payment.payments SET status = 'PENDING' WHERE booking_id = :failed"),
    *[("fact_missing_in_the_log", f"DELETE FROM log.events WHERE event_id = :{fact}") for fact in (
        "confirmed || ':held'", "confirmed || ':invoiced'", "confirmed || ':paid'", "confirmed || ':confirmed'",
        "failed || ':paid'", "failed || ':failed'", "rejected || ':rejected'", "linked || ':invoiced'")],
    ("request_missing_in_the_log", "DELETE FROM log.events WHERE topic = 'booking.requested' AND payload->>'booking_id' = :waiting::text"),
    ("two_endings_in_the_log", "UPDATE log.events SET event_id = :confirmed || ':expired' WHERE event_id = :rejected || ':rejected'"),
]


def history(stack):
    """A booking of each kind."""
    show = stack.show("A1", "A2", "A3", "A4", "A5")
    with stack.restarted("payment-worker-1", PAYMENT_FAILURE_RATE=1):
        failed = stack.book(show, "A3")
        stack.wait_for(failed, "FAILED")
    confirmed, linked = stack.book(show, "A1", "A2"), stack.book(show, "A4", payment="link")
    waiting, rejected = stack.book(show, "A1", user="budi"), stack.book(show, "A2", user="budi", waitlist="no")
    for booking, status in ((confirmed, "CONFIRMED"), (linked, "AWAITING_PAYMENT"), (waiting, "WAITLISTED"), (rejected, "REJECTED")):
        stack.wait_for(booking, status)
    stack.check_at_rest()
    return {"show": show, "confirmed": confirmed, "failed": failed, "linked": linked, "waiting": waiting, "rejected": rejected}


def named(sql, names):
    """psql's :name, with its type."""
    values = {name: f"'{value}'" if name == "show" else f"'{value}'::uuid" for name, value in names.items()}
    return re.sub(rf"(?<!:):({'|'.join(names)})\b(?!')", lambda match: values[match[1]], sql)


def test_every_rule_finds_the_history_that_breaks_it(stack):
    names = history(stack)
    script = ["BEGIN;", DISARM]
    for number, (_, sql) in enumerate(MUTANTS):
        script += ["SAVEPOINT mutant;", f"{named(sql, names)};", rf"\echo =={number}", rf"\i {ROOT}/schema/invariants.sql",
                   "ROLLBACK TO SAVEPOINT mutant;"]
    said = stack.psql("\n".join([*script, "ROLLBACK;"])).split("==")[1:]
    assert len(said) == len(MUTANTS)
    missed = []
    for (rule, sql), text in zip(MUTANTS, said):
        found = {line.split("|")[0] for line in text.splitlines()[1:] if not line.endswith("|0")}
        if rule not in found:
            missed.append((rule, sql, found))
    assert not missed
    rules = {line.split("|")[0] for line in said[0].splitlines()[1:]}
    assert {rule for rule, _ in MUTANTS} == rules, "a rule without a mutant proves nothing"


def test_the_rules_that_hold_at_any_time_are_fewer(stack):
    everything = stack.psql(rf"\i {ROOT}/schema/invariants.sql").splitlines()
    live = stack.psql(rf"\i {ROOT}/schema/invariants.sql", "-v", "live=1").splitlines()
    assert live == everything[:len(live)] and 20 <= len(live) < len(everything)
