"""Anybody may XADD anything. What cannot be understood goes to `dead` with a reason, and everybody else is served."""
import json
import os
import signal

import pytest

BAD_BYTES = b"a\xff\xfeb".decode("utf-8", "surrogateescape")


def request(**fields):
    """A good request for seat A1, but for what is said; None leaves a field out."""
    good = {"user": "ayu", "show": "SHOW", "seats": "A1"}
    return {name: value for name, value in {**good, **fields}.items() if value is not None}


INVALID = {
    "no user": (request(user=None), "user"),
    "an empty user": (request(user=""), "user"),
    "a user with a space": (request(user="ayu b"), "user"),
    "a user with a quote": (request(user="ayu'--"), "user"),
    "a user of 65 bytes": (request(user="u" * 65), "user"),
    "a user that is not ASCII": (request(user="ayú"), "user"),
    "a user that is not UTF-8": (request(user=BAD_BYTES), "user"),
    "a user with a NUL": (request(user="a\0b"), "user"),
    "no show": (request(show=None), "show"),
    "a show with a slash": (request(show="../demo"), "show"),
    "neither seats nor quantity": (request(seats=None), "seats"),
    "both seats and quantity": (request(quantity="1"), "seats"),
    "both seat and seats": (request(seat="A1"), "seats"),
    "the same seat twice": (request(seats="A1,A2,A1"), "seats"),
    "eleven seats": (request(seats=",".join(f"S{n}" for n in range(11))), "seats"),
    "an empty label": (request(seats="A1,,A2"), "seats"),
    "a comma at the end": (request(seats="A1,"), "seats"),
    "a label with a space": (request(seats="A1, A2"), "seats"),
    "a label of 33 bytes": (request(seats="s" * 33), "seats"),
    "a label that is not UTF-8": (request(seats=BAD_BYTES), "seats"),
    "quantity 0": (request(seats=None, quantity="0"), "quantity"),
    "quantity -1": (request(seats=None, quantity="-1"), "quantity"),
    "quantity 11": (request(seats=None, quantity="11"), "quantity"),
    "quantity 1.5": (request(seats=None, quantity="1.5"), "quantity"),
    "quantity 1e1": (request(seats=None, quantity="1e1"), "quantity"),
    "quantity +1": (request(seats=None, quantity="+1"), "quantity"),
    "quantity with a space": (request(seats=None, quantity=" 1"), "quantity"),
    "quantity beyond 64 bits": (request(seats=None, quantity="18446744073709551617"), "quantity"),
    "a quantity that is no number": (request(seats=None, quantity="true"), "quantity"),
    "a booking_id that is no UUID": (request(booking_id="1234"), "booking_id"),
    "waitlist perhaps": (request(waitlist="perhaps"), "no|yes"),
    "payment cash": (request(payment="cash"), "auto|link"),
    "a time that is none": (request(at="yesterday"), "at"),
    "an event_id of 201 bytes": (request(event_id="e" * 201), "event_id"),
    "an event_id that is not UTF-8": (request(event_id=BAD_BYTES), "event_id"),
    "a source with a line break": (request(source="a\nb"), "source"),
}


def send_with_a_neighbour(stack, fields):
    """The entry and a good request right behind it, so that they are read together. (entry id, the neighbour's booking)"""
    show = stack.show("A1", "A2")
    if isinstance(fields, dict):
        fields = {name: show if value == "SHOW" else value for name, value in fields.items()}
    with stack.redis.pipeline() as pipe:
        stack.xadd(fields, pipe=pipe)
        neighbour = stack.book(show, "A1", user="neighbour", pipe=pipe)
        entry, _ = pipe.execute()
    return entry, fields, neighbour


def is_served(stack, neighbour, worker):
    stack.wait_for(neighbour, "CONFIRMED")
    assert stack.pid("ticket-worker-1") == worker, "the worker lives on"


@pytest.mark.parametrize("fields, culprit", INVALID.values(), ids=INVALID)
def test_a_bad_request_is_dead_with_its_reason_and_its_neighbour_is_served(stack, fields, culprit):
    worker = stack.pid("ticket-worker-1")
    entry, fields, neighbour = send_with_a_neighbour(stack, fields)
    letter = stack.wait_dead(entry)
    detail = letter.pop("detail")
    assert letter == {"stream": "booking.requested", "entry_id": entry, "step": "hold", "reason": "invalid_field", "deliveries": "1",
                      **{f"field.{name}": value for name, value in fields.items()}}
    assert culprit in detail
    is_served(stack, neighbour, worker)
    assert stack.booking_of_entry(entry) is None


def test_an_entry_of_a_hundred_fields_is_dead(stack):
    worker = stack.pid("ticket-worker-1")
    entry, fields, neighbour = send_with_a_neighbour(stack, {**request(), **{f"extra{n}": str(n) for n in range(97)}})
    letter = stack.wait_dead(entry)
    assert (letter["reason"], letter["step"], letter["stream"]) == ("too_many_fields", "hold", "booking.requested")
    kept = {name: value for name, value in letter.items() if name.startswith("field.")}
    assert kept.items() <= {f"field.{name}": value for name, value in fields.items()}.items() and kept["field.user"] == "ayu"
    is_served(stack, neighbour, worker)


@pytest.mark.parametrize("name", ["user", "note", "n" * 300_000], ids=["a field of ours", "an unknown field", "a name"])
def test_an_entry_of_300_kilobytes_is_dead_and_what_is_kept_of_it_is_small(stack, name):
    worker = stack.pid("ticket-worker-1")
    entry, _, neighbour = send_with_a_neighbour(stack, {**request(), name: "x" * 300_000 if len(name) < 300 else "x"})
    letter = stack.wait_dead(entry)
    assert (letter["reason"], letter["step"], letter["entry_id"]) == ("too_large", "hold", entry)
    assert letter["field.show"].startswith("show-") and letter[f"field.{name}"[:206]].strip("x") == ""
    assert sum(len(word) for pair in letter.items() for word in pair) < 262_144
    is_served(stack, neighbour, worker)


def test_a_field_name_may_be_anything_too(stack):
    worker = stack.pid("ticket-worker-1")
    odd = [("", "empty"), (BAD_BYTES, BAD_BYTES), ("user", ""), ("field.user", "x"), ("user", "a b")]
    entry, _, neighbour = send_with_a_neighbour(stack, odd)
    letter = stack.wait_dead(entry)
    assert letter["reason"] == "invalid_field"
    assert (letter["field."], letter[f"field.{BAD_BYTES}"], letter["field.field.user"]) == ("empty", BAD_BYTES, "x")
    is_served(stack, neighbour, worker)


OTHERS = {
    "seat.held": ("invoice", {"booking_id": "01890000-0000-7000-8000-000000000000", "user": "ayu", "show": "s", "seats": "A1",
                              "amount": "-5", "currency": "IDR", "hold_expires_at": "2030-01-01T00:00:00Z", "payment": "auto"}),
    "invoice.created": ("charge", {"booking_id": "01890000-0000-7000-8000-000000000000", "invoice_no": "INV-?"}),
    "payment.requested": ("charge", {"invoice_no": "17"}),
    "payment.done": ("settle", {"booking_id": "not-a-uuid", "status": "succeeded"}),
}


@pytest.mark.parametrize("stream", OTHERS)
def test_every_other_step_refuses_garbage_as_well(stack, stream):
    step, fields = OTHERS[stream]
    entry = stack.xadd(fields, stream=stream)
    stack.wait_drained()
    assert stack.dead_letters(entry, stream)[step]["reason"] == "invalid_field"
    stack.wait_for(stack.book(stack.show("A1"), "A1"), "CONFIRMED")


def test_what_names_an_unknown_booking_or_invoice_is_dead_with_the_reason(stack):
    number = "INV-01M7XYDGTMHXMSMJNTZ1S9FX8W"
    done = stack.xadd({"booking_id": "01890000-0000-7000-8000-000000000000", "invoice_no": number, "payment_id": "PAY-1",
                       "status": "succeeded", "amount": "1", "currency": "IDR"}, stream="payment.done")
    asked = stack.xadd({"invoice_no": number}, stream="payment.requested")
    assert stack.wait_dead(done, "payment.done", "settle")["reason"] == "unknown_booking"
    assert stack.wait_dead(asked, "payment.requested", "charge")["reason"] == "unknown_invoice"


def test_five_hundred_bad_entries_in_a_row_hold_nobody_up(stack):
    show = stack.show("A1")
    with stack.redis.pipeline(transaction=False) as pipe:
        for n in range(500):
            stack.xadd({"user": f"u {n}", "show": show, "seats": "A1"}, pipe=pipe)
        pipe.execute()
    stack.wait_for(stack.book(show, "A1"), "CONFIRMED")
    stack.wait_drained()
    dead = [fields for _, fields in stack.entries("dead") if fields.get("field.show") == show and fields["step"] == "hold"]
    assert len(dead) == 500


def test_entries_larger_than_a_program_can_hold_together_are_refused_one_by_one(stack):
    show = stack.show("A1", "A2")
    alive = {name: stack.pid(name) for name in ("ticket-worker-1", "aggregator-1")}
    for pid in alive.values():
        os.kill(pid, signal.SIGSTOP)
    try:  # so that they meet all of them in one read
        giants = [stack.xadd({"user": "ayu", "show": show, "seat": "A1", "note": "x" * 30_000_000}) for _ in range(4)]
        large = stack.book(show, "A1", note="y" * 200_000)
        for i in range(200):
            stack.xadd({"topic": "large", "event_id": f"{show}-{i}", "timestamp": "2026-01-01T00:00:00Z", "source": "test",
                        "payload": json.dumps({"text": "z" * 200_000})}, "events")
        small = stack.book(show, "A2")
    finally:
        for pid in alive.values():
            os.kill(pid, signal.SIGCONT)
    for giant in giants:
        for step in ("hold", "record"):
            assert stack.wait_dead(giant, step=step, timeout=60)["reason"] == "too_large"
    for booking in (large, small):
        stack.wait_for(booking, "CONFIRMED", timeout=30)
    stack.wait_drained(timeout=60)
    assert {name: stack.pid(name) for name in alive} == alive, "nobody had to be restarted"


def test_many_large_entries_that_are_refused_go_to_dead_without_stopping_anybody(stack):
    show = stack.show("A1")
    pid = stack.pid("ticket-worker-1")
    os.kill(pid, signal.SIGSTOP)
    try:  # so that one read brings all of them, and one script says them
        refused = [stack.xadd({"show": show, "seat": "A1", "note": "x" * 250_000}) for _ in range(330)]
        booking = stack.book(show, "A1")
    finally:
        os.kill(pid, signal.SIGCONT)
    stack.wait_for(booking, "CONFIRMED", timeout=30)
    stack.wait_drained(timeout=60)
    dead = {fields["entry_id"] for _, fields in stack.redis.xrange("dead") if fields["step"] == "hold"}
    assert set(refused) <= dead and stack.pid("ticket-worker-1") == pid
