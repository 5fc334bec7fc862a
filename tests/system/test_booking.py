"""One booking at a time: what a person who types XADD gets."""
import subprocess

import pytest

from booker import Booker
from karcis import new_id, wait_until


def test_a_first_booking_typed_with_redis_cli_is_confirmed_and_each_fact_is_said_once(stack):
    show = stack.show("A1", "A2", amount=125000)
    entry = subprocess.run(["redis-cli", "-u", stack.env["REDIS_URL"], "XADD", "booking.requested", "*", "user", "ayu",
                            "show", show, "seat", "A1"], check=True, capture_output=True, text=True).stdout.strip()
    booking = wait_until(lambda: stack.booking_of_entry(entry), "the entry became a booking")
    row = stack.wait_for(booking, "CONFIRMED")
    stack.wait_drained()

    said = {stream: stack.entries(stream, booking) for stream in ("seat.held", "invoice.created", "payment.done", "booking.closed")}
    assert {stream: len(entries) for stream, entries in said.items()} == dict.fromkeys(said, 1)
    times = [int(entries[0][0].split("-")[0]) for entries in said.values()]
    assert times == sorted(times), "each fact follows from the one before"
    held, invoiced, paid, closed = (entries[0][1] for entries in said.values())

    common = {"booking_id", "event_id", "source"}
    expires_at = stack.one("SELECT to_char(hold_expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') "
                           "FROM ticketing.bookings WHERE booking_id = %s", booking)
    assert held.keys() == common | {"user", "show", "seats", "amount", "currency", "hold_expires_at", "payment"}
    assert held == {**held, "event_id": f"{booking}:held", "user": "ayu", "show": show, "seats": "A1", "amount": "125000",
                    "currency": "IDR", "hold_expires_at": expires_at, "payment": "auto"}

    number, due_at, url = stack.one("SELECT invoice_no, to_char(due_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'), "
                                    "payment_url FROM payment.invoices WHERE booking_id = %s", booking)
    assert invoiced.keys() == common | {"invoice_no", "amount", "currency", "payment_url", "due_at", "payment"}
    assert invoiced == {**invoiced, "event_id": f"{booking}:invoiced", "invoice_no": number, "amount": "125000", "currency": "IDR",
                        "payment_url": url, "due_at": due_at, "payment": "auto"}
    assert url.startswith(f"{stack.env['BASE_URL']}/pay/{number}?token=") and due_at < expires_at

    payment = stack.one("SELECT payment_id FROM payment.payments WHERE booking_id = %s", booking)
    assert paid.keys() == common | {"invoice_no", "payment_id", "status", "amount", "currency"}
    assert paid == {**paid, "event_id": f"{booking}:paid", "invoice_no": number, "payment_id": payment, "status": "succeeded",
                    "amount": "125000", "currency": "IDR"}

    assert closed.keys() == common | {"user", "show", "seats", "status", "requested_at"}
    assert closed == {**closed, "event_id": f"{booking}:confirmed", "user": "ayu", "show": show, "seats": "A1", "status": "confirmed"}

    assert stack.seats(show) == {"A1": ("BOOKED", booking), "A2": ("OPEN", None)}
    assert (row["amount"], row["currency"], row["seats"], row["user_name"], row["entry"]) == (125000, "IDR", ["A1"], "ayu", entry)


def test_a_declined_payment_closes_the_booking_as_failed_and_its_seat_can_be_booked_again(stack):
    show = stack.show("A1", "A2")
    with stack.restarted("payment-worker-1", PAYMENT_FAILURE_RATE=1):
        booking = stack.book(show, "A1")
        row = stack.wait_for(booking, "FAILED")
    assert row["reason"] == "payment_failed" and row["closed_at"] and row["seat_ids"] == []
    assert stack.seats(show)["A1"] == ("OPEN", None)
    stack.wait_drained()
    ((_, paid),) = stack.entries("payment.done", booking)
    ((_, closed),) = stack.entries("booking.closed", booking)
    assert (paid["status"], paid["reason"]) == ("failed", "declined")
    assert (closed["status"], closed["reason"], closed["event_id"]) == ("failed", "payment_failed", f"{booking}:failed")
    assert stack.rows("SELECT status::text FROM payment.invoices WHERE booking_id = %s", booking) == [("FAILED",)]

    stack.wait_for(stack.book(show, "A1", user="budi"), "CONFIRMED")


def test_a_taken_seat_leads_to_the_waitlist(stack):
    show = stack.show("A1", "A2")
    stack.wait_for(stack.book(show, "A1"), "CONFIRMED")
    waiting = [stack.book(show, "A1", user=user) for user in ("budi", "citra")]
    rows = [stack.wait_for(booking, "WAITLISTED") for booking in waiting]
    assert [(row["reason"], row["closed_at"], row["seat_ids"]) for row in rows] == [(None, None, [])] * 2
    assert stack.rows("SELECT booking_id::text FROM ticketing.waitlist WHERE show_id = %s ORDER BY entry_ms, entry_seq",
                      show) == [(booking,) for booking in waiting]


def test_a_taken_seat_is_refused_to_whoever_does_not_want_to_wait(stack):
    show = stack.show("A1")
    stack.wait_for(stack.book(show, "A1"), "CONFIRMED")
    booking = stack.book(show, "A1", user="budi", waitlist="no")
    row = stack.wait_for(booking, "REJECTED")
    stack.wait_drained()
    ((_, closed),) = stack.entries("booking.closed", booking)
    assert (row["reason"], closed["reason"], closed["status"]) == ("seat_taken", "seat_taken", "rejected")


def test_who_has_a_seat_can_neither_book_it_again_nor_wait_for_it(stack):
    show, user, client = stack.show("A1", "A2", "A3"), f"owner-{new_id()[:8]}", Booker(stack)
    first = client.book(show, "A1", user=user)[2]["booking_id"]
    at_once = client.book(show, "A1", user=user)[2]["booking_id"]
    stack.wait_for(first, "CONFIRMED")
    others = stack.wait_for(stack.book(show, "A2", user="budi"), "CONFIRMED")
    later = [client.book(show, "A1", user=user)[2]["booking_id"], stack.book(show, "A1", user=user, waitlist="no"),
             stack.book(show, "A1", "A2", "A3", user=user)]
    refused = [at_once, *later]
    assert {stack.wait_for(booking, "REJECTED")["reason"] for booking in refused} == {"already_yours"}
    stack.wait_drained()
    for booking in refused:
        ((_, closed),) = stack.entries("booking.closed", booking)
        assert (closed["status"], closed["reason"], closed["user"]) == ("rejected", "already_yours", user)
        assert stack.entries("seat.held", booking) == []
    assert stack.rows("SELECT booking_id::text FROM ticketing.bookings WHERE user_name = %s AND closed_at IS NULL OR user_name = %s "
                      "AND status = 'CONFIRMED'", user, user) == [(first,)]
    assert stack.seats(show) == {"A1": ("BOOKED", first), "A2": ("BOOKED", others["booking_id"]), "A3": ("OPEN", None)}
    assert stack.rows("SELECT 1 FROM ticketing.waitlist WHERE show_id = %s", show) == []

    status, page = client.get(f"/users/{user}/bookings")
    assert status == 200 and sorted((item["status"], item["reason"]) for item in page["items"] if item["reason"]) == [
        ("REJECTED", "already_yours")] * 4
    status, history = client.get(f"/bookings/{at_once}/history")
    assert status == 200 and any(change.get("reason") == "already_yours" for change in history["items"]), history

    assert stack.wait_for(stack.book(show, quantity=1, user=user), "CONFIRMED")["seats"] == ["A3"]


def test_a_seat_that_a_failed_payment_gave_back_is_booked_again_by_the_same_user(stack):
    show = stack.show("A1")
    with stack.restarted("payment-worker-1", PAYMENT_FAILURE_RATE=1):
        stack.wait_for(stack.book(show, "A1"), "FAILED")
    stack.wait_for(stack.book(show, "A1"), "CONFIRMED")


@pytest.mark.parametrize("wanted, reason", [
    (lambda show: {"show": "no-such-show", "seats": "A1"}, "unknown_show"),
    (lambda show: {"show": "no-such-show", "quantity": "1"}, "unknown_show"),
    (lambda show: {"show": show, "seats": "Z9"}, "unknown_seat"),
    (lambda show: {"show": show, "seats": "A1,Z9"}, "unknown_seat"),
], ids=["show", "show, any seat", "seat", "one of two seats"])
def test_what_does_not_exist_is_rejected_with_the_reason(stack, wanted, reason):
    show = stack.show("A1", "A2")
    fields = {"user": "ayu", **wanted(show)}
    entry = stack.xadd(fields)
    booking = wait_until(lambda: stack.booking_of_entry(entry), "the entry became a booking")
    row = stack.wait_for(booking, "REJECTED")
    stack.wait_drained()
    ((_, closed),) = stack.entries("booking.closed", booking)
    assert row["reason"] == reason and row["closed_at"]
    assert (closed["status"], closed["reason"], closed["user"], closed["show"]) == ("rejected", reason, "ayu", fields["show"])
    assert (closed["event_id"], closed["seats"]) == (f"{booking}:rejected", fields.get("seats", ""))
    assert stack.open_seats(show) == ["A1", "A2"]


def test_a_user_nobody_created_becomes_a_guest(stack):
    show = stack.show("A1")
    stack.wait_for(stack.book(show, "A1", user="a-new-face"), "CONFIRMED")
    assert stack.rows("SELECT is_guest FROM ticketing.users WHERE name = 'a-new-face'") == [(True,)]


def test_a_user_nobody_created_is_refused_when_the_setting_says_so(stack):
    show = stack.show("A1", "A2")
    stack.rows("INSERT INTO ticketing.users (name) VALUES ('known') ON CONFLICT DO NOTHING")
    with stack.restarted("ticket-worker-1", UNKNOWN_USERS="reject"):
        refused, taken = stack.book(show, "A1", user="stranger"), stack.book(show, "A2", user="known")
        assert stack.wait_for(refused, "REJECTED")["reason"] == "unknown_user"
        stack.wait_for(taken, "CONFIRMED")
    assert stack.open_seats(show) == ["A1"]


def test_all_seats_of_a_list_or_none(stack):
    show = stack.show("A1", "A2", "A3", "A4", prices={"A3": 50000})
    first = stack.wait_for(stack.book(show, "A3", "A2"), "CONFIRMED")
    assert (first["seats"], first["amount"]) == (["A2", "A3"], 175000)
    for seats in (("A1", "A2"), ("A2", "A4"), ("A1", "A3", "A4")):
        assert stack.wait_for(stack.book(show, *seats, user="budi", waitlist="no"), "REJECTED")["reason"] == "seat_taken"
    assert stack.open_seats(show) == ["A1", "A4"]
    stack.wait_for(stack.book(show, "A1", "A4"), "CONFIRMED")


def test_a_request_that_gets_nothing_does_not_stand_in_the_way_of_the_next(stack):
    """Among requests of one batch, too: what the second loses because of the first is free for the third."""
    show = stack.show("1", "2", "3", "4")
    with stack.redis.pipeline() as pipe:
        asked = [stack.book(show, *seats, user=user, waitlist="no", pipe=pipe) for user, seats in (
            ("ayu", ("1", "2")), ("budi", ("2", "3")), ("citra", ("3",)), ("budi", ("3", "4")))]
        pipe.execute()
    stack.wait_drained()
    assert [stack.booking(booking)["status"] for booking in asked] == ["CONFIRMED", "REJECTED", "CONFIRMED", "REJECTED"]
    assert stack.open_seats(show) == ["4"]


def test_any_seats_of_general_admission_all_or_nothing_until_sold_out(stack):
    show = stack.show(seats=10, general=True, amount=50000)
    seven = stack.wait_for(stack.book(show, quantity=7), "CONFIRMED")
    assert len(set(seven["seats"])) == 7 and seven["amount"] == 350000
    assert stack.wait_for(stack.book(show, quantity=4, waitlist="no"), "REJECTED")["reason"] == "not_enough_seats"
    stack.wait_for(stack.book(show, quantity=4), "WAITLISTED")
    assert len(stack.open_seats(show)) == 3
    stack.wait_for(stack.book(show, quantity=3), "CONFIRMED")
    assert stack.open_seats(show) == []
    assert stack.wait_for(stack.book(show, quantity=1, waitlist="no"), "REJECTED")["reason"] == "not_enough_seats"


def test_a_seat_of_general_admission_cannot_be_chosen_by_name(stack):
    show = stack.show(seats=2, general=True)
    assert stack.wait_for(stack.book(show, "001"), "REJECTED")["reason"] == "seats_are_not_numbered"
    assert stack.open_seats(show) == ["001", "002"]


def test_any_seats_of_a_numbered_show_are_the_first_open_ones(stack):
    show = stack.show("C1", "B1", "A1", "A2")
    stack.wait_for(stack.book(show, "B1"), "CONFIRMED")
    assert stack.wait_for(stack.book(show, quantity=2), "CONFIRMED")["seats"] == ["C1", "A1"]
    assert stack.open_seats(show) == ["A2"]


def test_any_seats_and_named_seats_in_one_batch_never_get_the_same_seat(stack):
    show = stack.show("A1", "A2", "A3", "A4")
    with stack.redis.pipeline() as pipe:
        any_two, named, any_one = (stack.book(show, quantity=2, pipe=pipe), stack.book(show, "A3", pipe=pipe),
                                   stack.book(show, quantity=1, pipe=pipe))
        pipe.execute()
    assert [stack.wait_for(booking, "CONFIRMED")["seats"] for booking in (any_two, named, any_one)] == [["A1", "A2"], ["A3"], ["A4"]]


def test_a_booking_that_pays_by_link_waits_for_its_payment(stack):
    show = stack.show("A1")
    booking = stack.book(show, "A1", payment="link")
    stack.wait_for(booking, "AWAITING_PAYMENT")
    stack.wait_drained()
    assert stack.seats(show) == {"A1": ("ON_GOING", booking)} and stack.entries("payment.done", booking) == []
    number = stack.one("SELECT invoice_no FROM payment.invoices WHERE booking_id = %s", booking)
    for _ in range(3):  # a double click and one more
        stack.xadd({"invoice_no": number}, stream="payment.requested")
    stack.wait_for(booking, "CONFIRMED")
    assert stack.rows("SELECT status::text FROM payment.payments WHERE booking_id = %s", booking) == [("SUCCEEDED",)]


def test_optional_fields_may_be_empty_and_unknown_ones_are_ignored(stack):
    show = stack.show("A1")
    stack.wait_for(stack.book(show, "A1", waitlist="", payment="", quantity_="9", note="für Oma ♥"), "CONFIRMED")
