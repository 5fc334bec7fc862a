"""Nothing grows without end: streams are trimmed behind what everybody has read, dead consumers are forgotten, and when too much
waits inside, new requests are refused until it has been worked off."""
import http.client
import json
import time

import pytest
import redis

from karcis import STREAMS, wait_until

KEEP = 200
NODE = 100  # trimming cuts off whole nodes of a stream: so much more may stay


def metric(stack, name, program="aggregator-1"):
    _, page = stack.http("GET", stack.port(program), "/metrics")
    return sum(float(line.split()[-1]) for line in page.decode().splitlines() if line.startswith(name))


def add_many(stack, stream, count, **fields):
    with stack.redis.pipeline(transaction=False) as pipe:
        for n in range(count):
            stack.xadd(fields or {"topic": "t", "event_id": str(time.time_ns() + n), "timestamp": "2026-01-01T00:00:00Z",
                                  "source": "test", "payload": "{}"}, stream=stream, pipe=pipe)
        pipe.execute()


def tidied(stack, rounds=2):
    """The aggregator has looked at every stream since this was called: it goes through them in one order, `events` late."""
    for _ in range(rounds):
        add_many(stack, "events", KEEP + 2 * NODE)
        wait_until(lambda: stack.redis.xlen("events") < KEEP + 2 * NODE, "events is trimmed", timeout=30)


def read(stack, stream, group, consumer, count=100000, ack=True):
    """Reads as that consumer; the ids."""
    answer = stack.redis.xreadgroup(group, consumer, {stream: ">"}, count=count)
    ids = [entry for entry, _ in answer[0][1]] if answer else []
    if ack and ids:
        stack.redis.xack(stream, group, *ids)
    return ids


def consumers(stack, stream, group):
    return {consumer["name"] for consumer in stack.redis.xinfo_consumers(stream, group)}


def lengths(stack):
    return {stream: stack.redis.xlen(stream) for stream in STREAMS}


def is_trimmed(stack, *streams):
    found = lengths(stack)
    assert all(found[stream] <= KEEP + NODE for stream in streams), found
    return True


# ---- trimming ----

def test_what_a_stopped_step_has_not_read_stays_and_once_it_has_everything_is_trimmed(own_stack):
    stack = own_stack(STREAM_KEEP=KEEP)
    show = stack.show(seats=1200)
    seats = list(stack.seats(show))
    stack.wait_for(stack.book(show, seats[0]), "CONFIRMED")
    stack.remove("payment-worker-1")
    booked = [stack.book(show, seat) for seat in seats[1:]]
    for booking in (booked[0], booked[-1]):
        stack.wait_for(booking, "HELD", timeout=30)
    wait_until(lambda: is_trimmed(stack, "booking.requested"), "what hold and record have read is cut off", timeout=20)
    tidied(stack)
    held = [fields["booking_id"] for _, fields in stack.entries("seat.held")]
    assert set(booked) <= set(held), "what invoice has not read is all there"
    stack.command("up")
    for booking in (booked[0], booked[-1]):
        stack.wait_for(booking, "CONFIRMED", timeout=30)
    stack.wait_drained(timeout=60)
    wait_until(lambda: is_trimmed(stack, *STREAMS), "every stream is trimmed", timeout=20)
    newest = stack.entries("booking.closed")
    assert KEEP <= len(newest), "the newest stay, for people who look"
    wait_until(lambda: metric(stack, 'karcis_trimmed_entries_total{stream="seat.held"}') >= 1200 - KEEP - NODE, "it is counted")
    assert stack.one("SELECT count(*) FROM ticketing.bookings WHERE status = 'CONFIRMED'") == 1200
    stack.check_at_rest()


def test_a_hundred_thousand_entries_stay_for_the_slowest_group_and_memory_levels_off_behind_it(own_stack, tell):
    """The slowest is a group that somebody made for himself. It is never passed, but the log names it."""
    stack = own_stack(STREAM_KEEP=KEEP, TICKET_WORKERS=0, PAYMENT_WORKERS=0)
    stack.redis.xgroup_create("events", "auditor", "0", mkstream=True)
    empty = stack.redis.info("memory")["used_memory"]
    started = time.monotonic()
    for _ in range(20):
        add_many(stack, "events", 5000)
    wait_until(lambda: stack.backlog().get("events/record") is None, "record has read everything", timeout=120)
    wait_until(lambda: 'event="stream cannot be trimmed: a group is behind"' in stack.log("aggregator-1"), "the operator is told", timeout=20)
    assert "group=auditor" in stack.log("aggregator-1")
    full = stack.redis.info("memory")["used_memory"]
    assert stack.redis.xlen("events") == 100_000 and stack.entries("events")[0], "nothing that it has not read is cut off"
    given = [entry for _ in range(10) for entry in read(stack, "events", "auditor", "me", 10_000, ack=False)]
    assert len(given) == 100_000
    stack.redis.xack("events", "auditor", *given[50_000:])
    time_of_half = wait_until(lambda: stack.redis.xinfo_stream("events")["first-entry"][0], "there is a first entry")
    assert time_of_half == given[0], "its oldest pending entry stays"
    stack.redis.xack("events", "auditor", *given[:50_000])
    wait_until(lambda: is_trimmed(stack, "events"), "now it is trimmed", timeout=20)
    add_many(stack, "events", 5000)
    read(stack, "events", "auditor", "me")
    wait_until(lambda: is_trimmed(stack, "events"), "and trimmed again", timeout=20)
    level = stack.redis.info("memory")["used_memory"]
    assert level - empty < (full - empty) / 4, (empty, full, level)
    assert consumers(stack, "events", "auditor") == {"me"}, "a person's consumer is a person's business"
    tell(f"{(full - empty) / 2**20:.1f} MiB held back, {(level - empty) / 2**20:.1f} MiB kept; {time.monotonic() - started:.0f} s")


@pytest.fixture
def alone(own_stack):
    """No workers: the test itself plays the steps hold and confirm."""
    return own_stack(STREAM_KEEP=KEEP, TICKET_WORKERS=0, PAYMENT_WORKERS=0)


def test_a_stream_is_not_trimmed_before_all_who_must_read_it_have(alone):
    add_many(alone, "booking.requested", 600, user="ayu", show="demo", seat="A1")
    wait_until(lambda: alone.backlog().get("booking.requested/record") is None, "record has read it", timeout=20)
    tidied(alone)
    assert alone.redis.xlen("booking.requested") == 600, "hold has never run"
    alone.redis.xgroup_create("booking.requested", "hold", "0")
    tidied(alone)
    assert alone.redis.xlen("booking.requested") == 600, "hold has read nothing"
    read(alone, "booking.requested", "hold", "me", 250)
    wait_until(lambda: alone.redis.xlen("booking.requested") < 600, "what hold has read is cut off", timeout=30)
    tidied(alone)
    assert alone.redis.xlen("booking.requested") >= 350, "the rest stays"
    read(alone, "booking.requested", "hold", "me")
    wait_until(lambda: is_trimmed(alone, "booking.requested"), "everybody has read it", timeout=30)
    assert alone.redis.xlen("booking.requested") >= KEEP


def test_what_a_dead_consumer_left_pending_stays_with_it_until_it_is_settled(alone):
    alone.redis.xgroup_create("booking.requested", "hold", "0", mkstream=True)
    add_many(alone, "booking.requested", 600, user="ayu", show="demo", seat="A1")
    left = read(alone, "booking.requested", "hold", "ghost", 10, ack=False)
    read(alone, "booking.requested", "hold", "leaver")
    wait_until(lambda: consumers(alone, "booking.requested", "hold") == {"ghost"}, "who left nothing is forgotten", timeout=30)
    tidied(alone)
    assert alone.pending("booking.requested", "hold") == {"ghost": 10}
    assert [entry for entry, _ in alone.redis.xrange("booking.requested", count=10)] == left
    assert alone.redis.xlen("booking.requested") == 600
    assert metric(alone, "karcis_consumers_removed_total") >= 1
    assert "consumer=leaver" in alone.log("aggregator-1")
    alone.redis.xack("booking.requested", "hold", *left)
    wait_until(lambda: is_trimmed(alone, "booking.requested"), "it is trimmed when they are settled", timeout=30)
    wait_until(lambda: not consumers(alone, "booking.requested", "hold"), "and the ghost is forgotten", timeout=30)


def test_a_consumer_that_lives_stays_although_it_has_nothing_to_do(alone):
    alone.redis.xgroup_create("booking.requested", "hold", "0", mkstream=True)
    alone.redis.set("hb:living", 1)
    add_many(alone, "booking.requested", 10, user="ayu", show="demo", seat="A1")
    read(alone, "booking.requested", "hold", "living", 5)
    read(alone, "booking.requested", "hold", "gone", 5)
    wait_until(lambda: consumers(alone, "booking.requested", "hold") == {"living"}, "only the living is there", timeout=30)
    tidied(alone)
    assert consumers(alone, "booking.requested", "hold") == {"living"}


def test_a_group_that_was_set_back_reads_again_what_was_there(alone):
    """Its pending entries lie behind its position then, and the position is what counts."""
    alone.redis.xgroup_create("booking.requested", "hold", "0", mkstream=True)
    add_many(alone, "booking.requested", KEEP, user="ayu", show="demo", seat="A1")
    given = read(alone, "booking.requested", "hold", "ghost", ack=False)
    alone.redis.xack("booking.requested", "hold", *given[:-1])
    alone.redis.xgroup_setid("booking.requested", "hold", "0")
    add_many(alone, "booking.requested", 600, user="ayu", show="demo", seat="A1")
    tidied(alone)
    assert alone.redis.xlen("booking.requested") == KEEP + 600


def test_dead_letters_of_this_week_stay(alone):
    """Ids say how old entries are; record has stored these long ago."""
    week_ago_ms = int((time.time() - 7 * 86400 - 60) * 1000)
    with alone.redis.pipeline(transaction=False) as pipe:
        for entry in [f"{week_ago_ms}-{n}" for n in range(400)] + [f"{week_ago_ms + 3_600_000}-{n}" for n in range(600)]:
            pipe.execute_command("XADD", "dead", entry, "stream", "events", "entry_id", "1-1", "step", "record", "reason", "test")
        pipe.execute()
    wait_until(lambda: alone.redis.xlen("dead") < 1000, "what is older than a week is cut off", timeout=20)
    tidied(alone)
    assert 600 <= alone.redis.xlen("dead") <= 600 + NODE


# ---- the front door ----

def post(stack, show, seat):
    """(status, problem's code, Retry-After)"""
    connection = http.client.HTTPConnection("127.0.0.1", stack.port("publisher"), timeout=10)
    connection.request("POST", "/bookings", json.dumps({"user": "ayu", "show": show, "seats": [seat]}),
                       {"Authorization": f"Bearer {stack.env['CLIENT_KEY']}", "Content-Type": "application/json"})
    answer = connection.getresponse()
    body = json.loads(answer.read())
    connection.close()
    return answer.status, body.get("code"), answer.headers.get("Retry-After")


def is_refused(stack, show="demo"):
    status, code, retry_after = post(stack, show, "none-such")
    if status == 202:
        return False
    assert (status, code) == (503, "overloaded") and 1 <= int(retry_after) <= 5
    return True


def test_when_too_much_waits_requests_are_refused_until_it_is_worked_off(own_stack, tell):
    stack = own_stack(BACKLOG_MAX=100)
    show = stack.show(seats=10_000)  # more than anybody asks for between two looks (DOOR_LOOK_MS)
    stack.remove("payment-worker-1")
    accepted = 0
    for seat in stack.seats(show):
        status, code, retry_after = post(stack, show, seat)
        if status != 202:
            assert (status, code) == (503, "overloaded") and 1 <= int(retry_after) <= 5
            break
        accepted += 1
    else:
        raise AssertionError("never refused")
    assert accepted >= 100
    tell(f"refused after {accepted} with BACKLOG_MAX=100")
    assert is_refused(stack) and len({post(stack, show, "x")[2] for _ in range(40)}) > 1, "who is refused does not come back in step"
    for program, path in (("publisher", "/readyz"), ("aggregator-1", f"/shows/{show}"), ("aggregator-1", "/stats")):
        assert stack.http("GET", stack.port(program), path)[0] == 200
    assert metric(stack, "karcis_door_open", "publisher") == 0
    assert metric(stack, "karcis_waiting_entries", "publisher") > 100
    stack.command("up")
    wait_until(lambda: not is_refused(stack), "requests are taken again", timeout=20)
    stack.wait_drained(timeout=30)
    assert stack.one("SELECT count(*) FROM ticketing.bookings WHERE show_id = %s AND status = 'CONFIRMED'", show) == accepted
    assert stack.log("publisher").count("requests are refused") == stack.log("publisher").count("requests are taken again") == 1
    stack.check_at_rest()


def looks(stack):
    """Streams that the door has looked at since Redis started. Aggregators and ticket-workers look as well: there must be none."""
    return stack.redis.info("commandstats").get("cmdstat_xinfo|stream", {}).get("calls", 0)


def test_a_lag_that_redis_only_believes_in_closes_no_door(own_stack):
    """A restart makes Redis forget what was read since its log was last rewritten; it reports that as unread ever after."""
    stack = own_stack(BACKLOG_MAX=100)
    show = stack.show(seats=350)
    seats = list(stack.seats(show))
    stack.wait_for(stack.book(show, seats[0]), "CONFIRMED")
    rewritten = stack.redis.info("persistence")["aof_rewrites"]
    stack.redis.bgrewriteaof()
    wait_until(lambda: stack.redis.info("persistence")["aof_rewrites"] > rewritten, "the log is being rewritten")
    wait_until(lambda: not stack.redis.info("persistence")["aof_rewrite_in_progress"], "the log is rewritten")
    for seat in seats[1:300]:
        stack.book(show, seat)
    stack.wait_drained(timeout=30)
    stack.remove("aggregator-1")
    stack.remove("ticket-worker-1")
    stack.command("restart", "redis")
    stack.wait_ready("publisher", "payment-worker-1")
    (hold,) = (group for group in stack.redis.xinfo_groups("booking.requested") if group["name"] == "hold")
    assert hold["lag"] > 100, "or this test shows nothing"
    wait_until(lambda: looks(stack) > 20, "the door has looked twice at least, when nothing was unread")
    for seat in seats[300:320]:
        stack.book(show, seat)
    seen = looks(stack)
    wait_until(lambda: looks(stack) > seen + 20, "the door has looked at what waits")
    assert not is_refused(stack)
    wait_until(lambda: 20 <= metric(stack, "karcis_waiting_entries", "publisher") <= 22, "it knows how many wait")
    stack.command("up")
    stack.wait_drained(timeout=30)
    stack.check_at_rest()


def test_when_memory_ends_requests_are_refused_and_the_flow_drains_above_the_limit(own_stack, tell):
    """No ticket-worker has ever run: even its group has to be made while Redis takes no new entries."""
    stack = own_stack(STREAM_KEEP=50_000, TICKET_WORKERS=0)
    show = stack.show(seats=300)
    for seat in list(stack.seats(show)):
        stack.book(show, seat, note="x" * 50_000)
    wait_until(lambda: stack.backlog().get("booking.requested/record") is None, "nobody reads, so nothing is in buffers", timeout=20)
    used = stack.redis.info("memory")["used_memory"]
    assert not is_refused(stack)
    stack.redis.config_set("maxmemory", int(used / 0.92))
    wait_until(lambda: is_refused(stack), "what is left is for the flow")
    stack.redis.config_set("maxmemory", int(used * 0.9))
    with pytest.raises(redis.exceptions.ResponseError, match="OOM|memory"):
        stack.xadd({"user": "ayu"})
    assert is_refused(stack)
    started = time.monotonic()
    stack.add("ticket-worker")
    wait_until(lambda: stack.one("SELECT count(*) FROM ticketing.bookings WHERE status = 'CONFIRMED'") == 300, "all are confirmed",
               timeout=60)
    seconds = time.monotonic() - started
    stack.wait_drained(timeout=30)
    wait_until(lambda: not is_refused(stack), "what nobody needs has given way, requests are taken again", timeout=20)
    tell(f"{used / 2**20:.0f} MiB drained in {seconds:.1f} s; {stack.redis.info('memory')['used_memory'] / 2**20:.0f} MiB left")
    stack.check_at_rest()


def test_entries_of_a_worker_that_dies_while_memory_is_full_are_taken_over(own_stack):
    stack = own_stack(TICKET_WORKERS=2, BATCH=5)
    show = stack.show(seats=40)
    seats = list(stack.seats(show))
    stack.remove("ticket-worker-1")
    stack.remove("ticket-worker-2")
    booked = [stack.book(show, seat) for seat in seats]
    read(stack, "booking.requested", "hold", "ghost", 10, ack=False)
    stack.redis.config_set("maxmemory", int(stack.redis.info("memory")["used_memory"] / 2))
    stack.command("up")
    for booking in booked:
        stack.wait_for(booking, "CONFIRMED", timeout=20)
    stack.redis.config_set("maxmemory", 0)
    wait_until(lambda: not is_refused(stack), "without a limit there is room")
    stack.check_at_rest()


def test_what_cannot_be_said_because_a_stream_is_none_any_more_is_said_when_it_is_one_again(own_stack):
    """Its entry is not acknowledged before. Nobody else says it: re-driving waits longer than this test."""
    stack = own_stack()
    show = stack.show("A1")
    stack.redis.delete("seat.held")
    stack.redis.set("seat.held", "by hand")
    booking = stack.book(show, "A1")
    wait_until(lambda: "cannot say what follows" in stack.log("ticket-worker-1"), "the worker says what stands in its way")
    assert stack.redis.xpending("booking.requested", "hold")["pending"] == 1
    stack.redis.delete("seat.held")
    stack.wait_for(booking, "CONFIRMED", timeout=8)
