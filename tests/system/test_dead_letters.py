"""What cannot be taken: it stands alone, says why, holds nobody up – and is replayed when its cause is gone."""
import contextlib
import json
import re
import signal
import subprocess
import time

import pytest

from karcis import ROOT, Stack, new_id, wait_until

NUMBER = "INV-01M7XYDGTMHXMSMJNTZ1S9FX8W"
SOMEBODY = "01890000-0000-7000-8000-000000000000"
BAD_BYTES = b"a\xff\xfeb".decode("utf-8", "surrogateescape")
TEXT_OF_IDENTIFIER = "must be 1 to 64 of A-Z a-z 0-9 . _ -"
TEXT_OF_TIME = "must be a time like 2026-11-21T10:00:00Z"


class Operator:
    """Who looks at dead letters and replays them."""

    def __init__(self, stack):
        self.stack = stack

    def get(self, path):
        status, body = self.stack.http("GET", self.stack.port("aggregator-1"), path, timeout=20)
        return status, json.loads(body)

    def replay(self, letter, key="ADMIN_KEY", timeout=10):
        headers = {"Authorization": f"Bearer {self.stack.env.get(key, key)}"} if key else {}
        status, body = self.stack.http("POST", self.stack.port("publisher"), f"/dead-letters/{letter}/replay", None, headers, timeout)
        return status, json.loads(body) if body else None

    def letters(self, query=""):
        """All of them; a page ends early when its letters are large."""
        found, after = [], ""
        while after is not None:
            page = self.get(f"/dead-letters?limit=1000{query}{after and f'&after={after}'}")[1]
            found, after = found + page["items"], page["next"]
        return found

    def letter(self, entry, stream="booking.requested", step="hold"):
        """The letter about this entry, as GET shows it, once it is stored."""
        found = wait_until(lambda: self.stack.rows("SELECT dead_letter_id FROM log.dead_letters WHERE (stream, entry_id, step) = "
                                                   "(%s, %s, %s)", stream, entry, step), f"the letter about {entry} is stored")
        status, letter = self.get(f"/dead-letters/{found[0][0]}")
        assert status == 200
        return letter

    def is_replayed(self, letter):
        return wait_until(lambda: self.get(f"/dead-letters/{letter}")[1]["replayed_at"], f"letter {letter} is replayed")

    def count(self):
        return self.stack.stats()["dead_letters"]

    def counts(self, number):
        wait_until(lambda: self.count() == number, f"/stats counts {number} dead letters")


@pytest.fixture
def operator(stack):
    return Operator(stack)


@contextlib.contextmanager
def refused(stack, table, condition):
    """While it lasts the store refuses rows that do not fulfil the condition: a cause that somebody can remove."""
    stack.rows(f"ALTER TABLE {table} ADD CONSTRAINT no_poison CHECK ({condition}) NOT VALID")
    try:
        yield
    finally:
        stack.rows(f"ALTER TABLE {table} DROP CONSTRAINT no_poison")


def poison(stack, show, user="poison", **fields):
    """A request that the store refuses, dead by the time the block ends. (entry id, what was asked)"""
    asked = {"user": user, "show": show, "seat": "A1", **fields}
    with refused(stack, "ticketing.bookings", f"user_name <> '{user}'"):
        entry = stack.xadd(asked)
        assert stack.wait_dead(entry)["reason"] == "refused_by_store"
    return entry, asked


# ---- what a letter says ----

def held(**fields):
    return {"booking_id": SOMEBODY, "user": "ayu", "show": "s", "seats": "A1", "amount": "5", "currency": "IDR",
            "hold_expires_at": "2030-01-01T00:00:00Z", "payment": "auto", **fields}


def paid(**fields):
    return {"booking_id": SOMEBODY, "invoice_no": NUMBER, "payment_id": "PAY-1", "status": "succeeded", "amount": "1", "currency": "IDR",
            **fields}


def published(**fields):
    return {"topic": "sale", "event_id": "e1", "timestamp": "2026-11-21T10:00:00Z", "source": "till", "payload": "{}", **fields}


GARBAGE = [
    ("booking.requested", {"nonsense": "1"}, "hold", "user: is missing"),
    ("booking.requested", {"user": "ayu b", "show": "s", "seat": "A1"}, "hold", f'user: {TEXT_OF_IDENTIFIER}, not "ayu b"'),
    ("booking.requested", {"user": "u" * 65, "show": "s", "seat": "A1"}, "hold",
     f'user: {TEXT_OF_IDENTIFIER}, not "{"u" * 40}..." (65 bytes)'),
    ("booking.requested", {"user": BAD_BYTES, "show": "s", "seat": "A1"}, "hold", rf'user: {TEXT_OF_IDENTIFIER}, not "a\xFF\xFEb"'),
    ("booking.requested", {"user": "ayu", "show": "s", "quantity": "11"}, "hold",
     'quantity: must be a whole number from 1 to 10, not "11"'),
    ("booking.requested", {"user": "ayu", "show": "s", "seats": "A1,A 2"}, "hold",
     'seats: each seat must be 1 to 32 of A-Z a-z 0-9 . _ -, not "A 2"'),
    ("booking.requested", {"user": "ayu", "show": "s", "seats": "A1", "quantity": "1"}, "hold",
     "seats: exactly one of seats, seat and quantity must be given (given: seats quantity)"),
    ("booking.requested", {"user": "ayu", "show": "s", "seat": "A1", "payment": "cash"}, "hold", 'payment: must be auto|link, not "cash"'),
    ("booking.requested", {"user": "ayu", "show": "s", "seat": "A1", "booking_id": "7"}, "hold", 'booking_id: must be a UUID, not "7"'),
    ("booking.requested", {"user": "ayu", "show": "s", "seat": "A1", "at": "now"}, "hold", f'at: {TEXT_OF_TIME}, not "now"'),
    ("booking.requested", {"user": "ayu", "show": "s", "seat": "A1", "at": "now"}, "record", f'at: {TEXT_OF_TIME}, not "now"'),
    ("booking.requested", {f"f{n}": "x" for n in range(65)}, "hold", "65 fields, at most 64"),
    ("seat.held", held(booking_id="x"), "invoice", 'booking_id: must be a UUID, not "x"'),
    ("seat.held", held(amount="-5"), "invoice", 'amount: must be a whole number from 0 to 10000000000000, not "-5"'),
    ("seat.held", held(amount="1e3"), "invoice", 'amount: must be a whole number from 0 to 10000000000000, not "1e3"'),
    ("seat.held", held(currency="Rp"), "invoice", 'currency: must be three capital letters like IDR, not "Rp"'),
    ("seat.held", held(hold_expires_at="soon"), "invoice", f'hold_expires_at: {TEXT_OF_TIME}, not "soon"'),
    ("seat.held", held(seats="A" * 400), "invoice", f'seats: must be at most 330 bytes of printable UTF-8, not "{"A" * 40}..." (400 bytes)'),
    ("seat.held", held(user=""), "invoice", "user: is missing"),
    ("invoice.created", {"invoice_no": NUMBER}, "bill", "booking_id: is missing"),
    ("invoice.created", {"booking_id": SOMEBODY, "invoice_no": "1/7"}, "bill", f'invoice_no: {TEXT_OF_IDENTIFIER}, not "1/7"'),
    ("invoice.created", {"booking_id": SOMEBODY, "invoice_no": "17"}, "bill", "amount: is missing"),
    ("invoice.created", {"booking_id": SOMEBODY, "invoice_no": "17"}, "charge",
     'invoice_no: must be an invoice number like INV-01ARZ3NDEKTSV4RRFFQ69G5FAV, not "17"'),
    ("payment.requested", {"": ""}, "charge", "invoice_no: is missing"),
    ("payment.requested", {"invoice_no": NUMBER}, "charge", f"there is no invoice {NUMBER}"),
    ("payment.done", paid(), "settle", f"there is no booking {SOMEBODY}"),
    ("payment.done", paid(status="perhaps"), "settle", 'status: must be succeeded|failed, not "perhaps"'),
    ("payment.done", paid(reason="a\nb"), "settle", r'reason: must be at most 500 bytes of printable UTF-8, not "a\x0Ab"'),
    ("payment.done", paid(payment_id=""), "settle", "payment_id: is missing"),
    ("seat.reserved", {"note": BAD_BYTES}, "record", r'"note": every name and value must be UTF-8 without NUL, not "a\xFF\xFEb"'),
    ("cancel.requested", {"booking_id": "a\0b"}, "record",
     r'"booking_id": every name and value must be UTF-8 without NUL, not "a\x00b"'),
    ("booking.closed", {BAD_BYTES: "x"}, "record", r'"a\xFF\xFEb": every name and value must be UTF-8 without NUL, not "x"'),
    ("booking.closed", {"source": "a\tb"}, "record", r'source: must be at most 200 bytes of printable UTF-8, not "a\x09b"'),
    ("events", {"hello": "world"}, "record", "topic: is missing"),
    ("events", published(topic="seat.held"), "record",
     'topic: must not be a stream of the flow (put the event on that stream), not "seat.held"'),
    ("events", published(event_id=""), "record", "event_id: is missing"),
    ("events", published(event_id="e" * 201), "record", f'event_id: must be 1 to 200 bytes of printable UTF-8, not "{"e" * 40}..." (201 bytes)'),
    ("events", published(timestamp="yesterday"), "record", f'timestamp: {TEXT_OF_TIME}, not "yesterday"'),
    ("events", published(source=""), "record", "source: is missing"),
    ("events", published(payload="[1]"), "record", 'payload: must be a JSON object, not "[1]"'),
    ("events", published(payload='{"a":}'), "record", 'payload: must be a JSON object (line 1, byte 6: not a value), not "{"a":}"'),
    ("events", published(payload='{"a":1,"a":2}'), "record",
     'payload: must be a JSON object (line 1, byte 14: a name comes twice in one object), not "{"a":1,"a":2}"'),
    ("events", published(payload=BAD_BYTES), "record", r'payload: must be a JSON object in UTF-8 without NUL, not "a\xFF\xFEb"'),
]


def test_garbage_on_every_stream_is_dead_with_a_reason_that_helps_and_the_rest_goes_on(stack):
    pids = {name: stack.pid(name) for name in stack.names()}
    entries = [stack.xadd(fields, stream) for stream, fields, _, _ in GARBAGE]
    stack.wait_for(stack.book(stack.show("A1"), "A1"), "CONFIRMED")
    stack.wait_drained()
    said, expected = [], []
    for entry, (stream, _, step, detail) in zip(entries, GARBAGE):
        letter = stack.wait_dead(entry, stream, step)
        said.append((stream, step, letter["detail"]))
        expected.append((stream, step, detail))
    assert said == expected
    assert {name: stack.pid(name) for name in stack.names()} == pids, "nobody had to be restarted"


def all_are_final_within(stack, show, bad):
    """Seconds until 1,000 bookings with `bad` in their midst are decided. (seconds, the bad entry)"""
    started = time.monotonic()
    with stack.redis.pipeline(transaction=False) as pipe:
        for n in range(500):
            stack.book(show, f"{n + 1:04}", pipe=pipe)
        stack.xadd(bad(show), pipe=pipe)
        for n in range(500, 1000):
            stack.book(show, f"{n + 1:04}", pipe=pipe)
        entry = pipe.execute()[500]
    wait_until(lambda: stack.one("SELECT count(*) FROM ticketing.bookings WHERE show_id = %s AND status = 'CONFIRMED' "
                                 "AND user_name = 'ayu'", show) == 1000, "the good ones are confirmed", timeout=60)
    return time.monotonic() - started, entry


def test_one_bad_request_among_a_thousand_is_dead_alone_and_the_lag_goes_back_to_zero(stack, tell):
    kinds = {
        "all good": (lambda show: {"user": "budi", "show": show, "seat": "0001"}, None),
        "one with a wrong field": (lambda show: {"user": "a b", "show": show, "seat": "0001"}, "invalid_field"),
        "one that the store refuses": (lambda show: {"user": "poison", "show": show, "seat": "1001"}, "refused_by_store"),
    }
    with refused(stack, "ticketing.bookings", "user_name <> 'poison'"):
        for kind, (bad, reason) in kinds.items():
            seconds, entry = all_are_final_within(stack, stack.show(*(f"{n:04}" for n in range(1, 1002))), bad)
            tell(f"1,000 bookings, {kind}: {seconds:.2f} s")
            if reason:
                letter = stack.wait_dead(entry)
                assert letter["reason"] == reason
                assert reason == "invalid_field" or re.match('23514 .*"no_poison"', letter["detail"]), letter["detail"]
            stack.wait_drained(timeout=60)

    def lags():
        groups = [group for stream in stack.stats()["streams"].values() for group in stream["groups"].values()]
        return groups and all((group["lag"], group["pending"]) == (0, 0) for group in groups)
    wait_until(lags, "no group of /stats has anything left")


# ---- replaying ----

def test_a_letter_is_replayed_when_its_cause_is_gone_and_counts_no_more(stack, operator):
    show, open_letters = stack.show("A1"), operator.letters("&replayed=no")
    entry, asked = poison(stack, show)
    letter = operator.letter(entry)
    assert (letter["fields"], letter["replayed_at"], letter["is_exact"]) == (asked, None, True)
    operator.counts(len(open_letters) + 1)
    status, answer = operator.replay(letter["id"])
    assert (status, answer) == (202, {"status": "accepted", "dead_letter": letter["id"], "stream": "booking.requested",
                                      "entry_id": answer["entry_id"]})
    ((_, fields),) = stack.redis.xrange("booking.requested", answer["entry_id"], answer["entry_id"])
    assert list(fields.items()) == [*asked.items(), ("event_id", entry), ("replay_of", str(letter["id"]))]
    booking = wait_until(lambda: stack.booking_of_entry(answer["entry_id"]), "the replay is decided")
    stack.wait_for(booking, "CONFIRMED")
    operator.is_replayed(letter["id"])
    operator.counts(len(open_letters))
    assert operator.letter(entry)["id"] not in [item["id"] for item in operator.letters("&replayed=no")]
    assert operator.letters("&replayed=yes")[0]["id"] == letter["id"] == operator.letters()[0]["id"]
    assert stack.one("SELECT count(*) FROM log.duplicates WHERE event_id = %s AND NOT is_conflict", entry) == 1, \
        "the log knows the event by its first entry"


def test_replaying_twice_is_one_booking_and_so_is_publishing_an_event_twice(stack, operator):
    show = stack.show("A1")
    entry, asked = poison(stack, show)
    letter = operator.letter(entry)["id"]
    replays = [operator.replay(letter) for _ in range(3)]
    assert [status for status, _ in replays] == [202] * 3 and len({answer["entry_id"] for _, answer in replays}) == 3
    stack.xadd({**asked, "event_id": entry, "replay_of": letter})
    named = {"user": "budi", "show": show, "seat": "A1", "event_id": new_id()}
    first = stack.xadd(named)
    second = stack.xadd(named)
    other = stack.xadd({**named, "user": "citra"})
    assert stack.wait_dead(other)["reason"] == "booking_id_reused"
    stack.wait_drained()
    bookings = stack.rows("SELECT user_name, status::text, entry_ms || '-' || entry_seq FROM ticketing.bookings WHERE show_id = %s "
                          "ORDER BY entry_ms, entry_seq", show)
    assert bookings == [("poison", "CONFIRMED", replays[0][1]["entry_id"]), ("budi", "WAITLISTED", first)], second


def test_a_replay_of_what_was_done_in_the_meantime_does_nothing(stack, operator):
    """The letter was written by a step whose work another entry has done by now: found done, said again, nothing more."""
    show = stack.show("A1")
    with refused(stack, "payment.payments", "amount <> 125000"):
        booking = stack.book(show, "A1")
        ((entry, fields),) = wait_until(lambda: stack.entries("invoice.created", booking), "its invoice is created")
        assert stack.wait_dead(entry, "invoice.created", "charge")["reason"] == "refused_by_store"
    letter = operator.letter(entry, "invoice.created", "charge")
    for _ in range(2):
        assert operator.replay(letter["id"])[0] == 202
        stack.wait_for(booking, "CONFIRMED")
    stack.wait_drained()
    assert stack.one("SELECT count(*) FROM payment.payments WHERE booking_id = %s", booking) == 1
    assert {event["event_id"] for _, event in stack.entries("payment.done", booking)} == {f"{booking}:paid"}
    assert stack.entries("invoice.created", booking)[1][1] == {**fields, "replay_of": str(letter["id"])}


def test_a_replay_that_dies_again_is_another_letter(stack, operator):
    entry = stack.xadd({"user": "a b", "show": "s", "seat": "A1"})
    first = operator.letter(entry)
    again = operator.replay(first["id"])[1]["entry_id"]
    second = operator.letter(again)
    assert second["id"] != first["id"] and operator.is_replayed(first["id"]) and second["replayed_at"] is None
    assert second["fields"] == {**first["fields"], "event_id": entry, "replay_of": str(first["id"])}
    third = operator.letter(operator.replay(second["id"])[1]["entry_id"])
    assert third["fields"] == {**first["fields"], "event_id": entry, "replay_of": str(second["id"])}


def test_a_letter_outlives_the_stream_dead(stack, operator):
    show = stack.show("A1")
    entry, _ = poison(stack, show)
    letter = operator.letter(entry)
    stack.redis.xtrim("dead", maxlen=0, approximate=False)
    answer = operator.replay(letter["id"])[1]
    stack.wait_for(wait_until(lambda: stack.booking_of_entry(answer["entry_id"]), "the replay is decided"), "CONFIRMED")


def test_fields_come_back_in_their_order_with_repeated_and_odd_names(stack, operator):
    odd = [("user", "x y"), ("user", "z"), ("", "no name"), ("b", '"\\\x01\n'), ("a", "é🎫"), ("b", ""), ("field.user", "f")]
    entry = stack.xadd([*odd, ("show", "s")])
    answer = operator.replay(operator.letter(entry)["id"])[1]
    words = stack.redis.eval("return redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1])[1][2]", 1, "booking.requested", answer["entry_id"])
    assert list(zip(words[::2], words[1::2]))[:-2] == [*odd, ("show", "s")]


@pytest.mark.parametrize("fields", [
    {"user": "a b", "note": BAD_BYTES}, {"user": "a b", "note": "a\0b"}, {"user": "a b", BAD_BYTES: "x"},
    {f"f{n}": "x" for n in range(70)}, {"user": "x" * 300_000}, {f"f{n}": "x" for n in range(64)},
], ids=["bytes that are no text", "a NUL", "a name that is no text", "too many fields", "too large", "too many with its identity"])
def test_what_the_store_has_not_byte_for_byte_or_cannot_be_taken_is_not_replayed(stack, operator, fields):
    entry = stack.xadd(fields)
    letter = operator.letter(entry)
    length = stack.redis.xlen("booking.requested")
    status, problem = operator.replay(letter["id"])
    assert (status, problem["code"]) == (422, "not_replayable")
    if not letter["is_exact"]:
        assert "nothing altered is replayed" in problem["detail"]
        assert f"XRANGE dead {letter['dead_entry_id']} {letter['dead_entry_id']} " in problem["detail"]
        assert stack.redis.xrange("dead", letter["dead_entry_id"], letter["dead_entry_id"])[0][1]["entry_id"] == entry
    assert stack.redis.xlen("booking.requested") == length


def test_only_streams_of_ours_are_replayed_to(stack, operator):
    for stream, entry in (("dead", "1-1"), ("karcis:incarnation", "1-1"), ("mine", "1-1"), ("booking.requested", "yesterday")):
        entry = f"{entry}{'0' * len(new_id()[:2])}" if entry[0] == "1" else entry
        stack.xadd({"stream": stream, "entry_id": entry, "step": "me", "reason": "by hand", "field.user": "ayu"}, "dead")
        letter = operator.letter(entry, stream, "me")
        status, problem = operator.replay(letter["id"])
        assert (status, problem["code"]) == (422, "not_replayable"), stream
        stack.rows("DELETE FROM log.dead_letters WHERE dead_letter_id = %s", letter["id"])


def test_only_the_admin_replays_and_only_what_there_is(stack, operator):
    letter = operator.letter(stack.xadd({"user": "a b"}))["id"]
    length = stack.redis.xlen("booking.requested")
    assert operator.replay(letter, None)[0] == 401 and operator.replay(letter, "wrong")[0] == 401
    assert operator.replay(letter, "CLIENT_KEY")[0] == 403
    for nothing in (0, -1, letter + 1000, 2**63 - 1, 2**63, "x", "1.0", "%00"):
        assert operator.replay(nothing)[0] in (404, 400), nothing
        assert operator.get(f"/dead-letters/{nothing}")[0] in (404, 400), nothing
    assert stack.redis.xlen("booking.requested") == length
    assert operator.get("/dead-letters?replayed=perhaps")[0] == 422


def test_a_replay_whose_answer_got_lost_is_replayed_again_without_harm(stack, operator):
    show = stack.show("A1")
    entry, _ = poison(stack, show)
    letter = operator.letter(entry)["id"]
    stack.signal("redis", signal.SIGSTOP)
    try:
        status, problem = operator.replay(letter, timeout=15)
        assert (status, problem["code"]) == (503, "broker_lost") and "harmless" in problem["detail"]
    finally:
        stack.signal("redis", signal.SIGCONT)
    wait_until(lambda: operator.replay(letter)[0] == 202, "it is replayed", timeout=20)
    wait_until(lambda: stack.rows("SELECT 1 FROM ticketing.bookings WHERE show_id = %s AND status = 'CONFIRMED'", show), "it is confirmed",
               timeout=20)
    stack.wait_drained()
    assert stack.one("SELECT count(*) FROM ticketing.bookings WHERE show_id = %s", show) == 1


def test_a_page_of_large_letters_ends_early_and_all_are_listed(stack, operator):
    show = stack.show("A1")
    with stack.redis.pipeline(transaction=False) as pipe:
        for n in range(80):
            stack.xadd({"show": show, "note": f"{n} " + "x" * 250_000}, pipe=pipe)
        entries = set(pipe.execute())
    wait_until(lambda: stack.one("SELECT count(*) FROM log.dead_letters WHERE step = 'hold' AND fields->>'show' = %s", show) == 80,
               "all letters are stored", timeout=30)
    listed, after, pages = [], "", 0
    while after is not None:
        page = operator.get(f"/dead-letters?limit=1000{after and '&after=' + after}")[1]
        listed += page["items"]
        after, pages = page["next"], pages + 1
    ids = [letter["id"] for letter in listed]
    assert ids == sorted(ids, reverse=True) and len(set(ids)) == len(ids) and pages >= 3
    assert len(ids) == stack.one("SELECT count(*) FROM log.dead_letters")
    assert entries == {letter["entry_id"] for letter in listed if letter["fields"].get("show") == show}


# ---- by hand ----

def recipe(mark):
    """The lines of docs/dead-letters.md below a mark."""
    with open(f"{ROOT}/docs/dead-letters.md") as file:
        return re.search(rf"<!-- {mark} -->\n```\n(.*?)```", file.read(), re.S).group(1)


def by_hand(stack: Stack, lines, entry, letter, show):
    """What the lines print when somebody types them, with his own ids for those of the example."""
    typed = lines.replace("1795224125123-0", entry).replace("1795224125456-0", letter).replace("show demo", f"show {show}")
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", typed], env=stack.environment(**stack.env), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=30)
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_a_letter_is_replayed_by_hand_as_the_page_says(stack, operator):
    show = stack.show("A1")
    entry, _ = poison(stack, show, user="ayu")
    own_id = operator.letter(entry)["dead_entry_id"]
    said = by_hand(stack, recipe("by hand"), entry, own_id, show)
    assert said.count(own_id) >= 2 and "refused_by_store" in said and said.count(entry) >= 2
    replay = said.split()[-1]
    booking = wait_until(lambda: stack.booking_of_entry(replay), "the replay is decided")
    stack.wait_for(booking, "CONFIRMED")
    operator.is_replayed(operator.letter(entry)["id"])
    assert operator.replay(operator.letter(entry)["id"])[0] == 202  # the same again, over HTTP
    stack.wait_drained()
    assert stack.one("SELECT count(*) FROM ticketing.bookings WHERE show_id = %s", show) == 1


def test_bytes_that_are_no_text_are_replayed_by_hand_as_the_page_says(stack, operator):
    show = stack.show("A1")
    entry, _ = poison(stack, show, user="ayu", note=b"a\xff\0b".decode("utf-8", "surrogateescape"))
    letter = operator.letter(entry)
    assert operator.replay(letter["id"])[0] == 422
    said = by_hand(stack, recipe("by hand, any bytes"), entry, letter["dead_entry_id"], show)
    assert r'"a\xff\x00b"' in said
    replay = said.split()[-1]
    ((_, fields),) = stack.redis.xrange("booking.requested", replay, replay)
    assert fields["note"].encode("utf-8", "surrogateescape") == b"a\xff\0b"
    stack.wait_for(wait_until(lambda: stack.booking_of_entry(replay), "the replay is decided"), "CONFIRMED")
    operator.is_replayed(letter["id"])
