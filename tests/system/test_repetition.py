"""Everything may come twice: a person repeats himself, a publisher retries, a stream is read again from its beginning."""
import pytest

from karcis import new_id

TABLES = ("ticketing.users", "ticketing.seats", "ticketing.bookings", "ticketing.waitlist", "payment.invoices", "payment.payments")


def everything_stored(stack):
    return {table: sorted(stack.rows(f"SELECT row::text FROM {table} AS row")) for table in TABLES}


def everything_said(stack):
    return {stream: {fields.get("event_id", entry) for entry, fields in stack.entries(stream)}
            for stream in ("seat.held", "invoice.created", "payment.done", "booking.closed")}


def differences(before, after):
    """Of each table or stream what is gone and what is new; {} if nothing is."""
    both = {name: (set(before[name]) - set(after[name]), set(after[name]) - set(before[name])) for name in before}
    return {name: {"gone": gone, "new": new} for name, (gone, new) in both.items() if gone or new}


def replay_refused(stack):
    """What died because the store refused it for a while would be taken when it is read again: it is replayed before."""
    for (letter,) in stack.rows("SELECT dead_letter_id FROM log.dead_letters WHERE reason = 'refused_by_store' AND replayed_at IS NULL"):
        status, answer = stack.http("POST", stack.port("publisher"), f"/dead-letters/{letter}/replay", None,
                                    {"Authorization": f"Bearer {stack.env['ADMIN_KEY']}"})
        assert status == 202, answer


def effects(stack, booking):
    """How many different facts were said of it, and how many rows there are."""
    said = {stream: {fields["event_id"] for _, fields in stack.entries(stream, booking)}
            for stream in ("seat.held", "invoice.created", "payment.done", "booking.closed")}
    rows = [stack.one(f"SELECT count(*) FROM {table} WHERE booking_id = %s", booking)
            for table in ("ticketing.seats", "ticketing.bookings", "payment.invoices", "payment.payments")]
    return [len(ids) for ids in said.values()], rows


@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "after it was confirmed"])
def test_the_same_booking_id_and_content_twice_is_one_booking(stack, together):
    show = stack.show("A1", "A2")
    booking = new_id()
    with stack.redis.pipeline() as pipe:
        stack.book(show, "A1", "A2", booking_id=booking, pipe=pipe)
        if not together:
            pipe.execute()
            stack.wait_for(booking, "CONFIRMED")
            stack.wait_drained()
        stack.book(show, "A2", "A1", booking_id=booking.upper(), pipe=pipe)  # the same, said in other words
        pipe.execute()
    stack.wait_for(booking, "CONFIRMED")
    stack.wait_drained()
    assert effects(stack, booking) == ([1, 1, 1, 1], [2, 1, 1, 1])


@pytest.mark.parametrize("change", [{"seats": "A2"}, {"user": "budi"}, {"waitlist": "no"}, {"payment": "link"}], ids=lambda c: "".join(c))
def test_a_booking_id_reused_for_another_content_is_dead_and_changes_nothing(stack, change):
    show = stack.show("A1", "A2")
    booking = new_id()
    first = {"booking_id": booking, "user": "ayu", "show": show, "seats": "A1"}
    stack.xadd(first)
    before = stack.wait_for(booking, "CONFIRMED")
    entry = stack.xadd({**first, **change})
    letter = stack.wait_dead(entry)
    assert (letter["reason"], letter["field.booking_id"], letter["step"]) == ("booking_id_reused", booking, "hold")
    stack.wait_drained()
    assert stack.booking(booking) == before and stack.open_seats(show) == ["A2"]
    assert effects(stack, booking) == ([1, 1, 1, 1], [1, 1, 1, 1])


def test_of_two_contents_under_one_booking_id_in_one_batch_the_first_counts(stack):
    show = stack.show("A1", "A2")
    booking = new_id()
    with stack.redis.pipeline() as pipe:
        stack.book(show, "A1", booking_id=booking, pipe=pipe)
        stack.book(show, "A2", booking_id=booking, pipe=pipe)
        _, second = pipe.execute()
    assert stack.wait_dead(second)["reason"] == "booking_id_reused"
    assert stack.wait_for(booking, "CONFIRMED")["seats"] == ["A1"] and stack.open_seats(show) == ["A2"]


def test_the_same_event_twice_on_any_stream_has_one_effect(stack):
    show = stack.show("A1")
    booking = stack.book(show, "A1")
    stack.wait_for(booking, "CONFIRMED")
    stack.wait_drained()
    before = everything_stored(stack)
    for stream in ("seat.held", "invoice.created", "payment.done"):
        ((_, fields),) = stack.entries(stream, booking)[:1]
        for _ in range(3):
            stack.xadd(fields, stream=stream)
        stack.wait_drained()
    assert differences(before, everything_stored(stack)) == {}
    assert effects(stack, booking) == ([1, 1, 1, 1], [1, 1, 1, 1])


def test_every_stream_read_again_from_its_beginning_changes_nothing(stack):
    """What every other test has left behind is decided again: all steps find their work done and say the same again."""
    show = stack.show("A1", "A2")
    confirmed, waiting, refused = (stack.book(show, "A1"), stack.book(show, "A1", user="budi"),
                                   stack.book(show, "A1", user="citra", waitlist="no"))
    for booking, status in ((confirmed, "CONFIRMED"), (waiting, "WAITLISTED"), (refused, "REJECTED")):
        stack.wait_for(booking, status)
    with stack.restarted("payment-worker-1", PAYMENT_FAILURE_RATE=1):
        stack.wait_for(stack.book(show, "A2"), "FAILED")
    replay_refused(stack)
    stack.wait_drained()
    stored, said = everything_stored(stack), everything_said(stack)
    for stream in stack.redis.scan_iter(_type="stream"):
        for group in stack.redis.xinfo_groups(stream):
            stack.redis.xgroup_setid(stream, group["name"], 0)
    stack.book(show, "A1", user="budi", booking_id=refused)  # wakes the readers; the id is taken
    stack.wait_drained(timeout=240)  # all that was ever put on the streams
    assert differences(stored, everything_stored(stack)) == {}
    assert differences(said, everything_said(stack)) == {}
