"""Of two requests that want one seat, the one with the smaller entry id wins: with many publishers, many workers, and
workers that are killed in the middle."""
import random
import threading
from collections import Counter

import pytest

from karcis import STREAMS, Stack, new_id, wait_until
from model import Outcome, replay

BOOKINGS, PUBLISHERS, KILLS = 3000, 8, 15
A_ROUND, MORE = 100, 20  # requests between two kills, and if nobody is at work when somebody is to be killed
NUMBERED, STANDING = 400, 100
VICTIMS = (("ticket-worker", "booking.requested", "hold"), ("payment-worker", "seat.held", "invoice"),
           ("ticket-worker", "payment.done", "settle"), ("aggregator", "booking.requested", "record"))


@pytest.fixture(scope="module")
def crowd():
    """A stack of four ticket-workers and two payment-workers; small batches, so that turns pass often."""
    stack = Stack.start(TICKET_WORKERS=4, PAYMENT_WORKERS=2, AGGREGATORS=2, BATCH=20)
    yield stack
    stack.end()


def requests_of(publisher, shows):
    """What one publisher asks for: the front rows are wanted most; now and then a request is sent twice, or a user asks for the same once more."""
    dice = random.Random(publisher)
    for n in range(BOOKINGS // PUBLISHERS):
        fields = {"booking_id": new_id(), "user": f"fan-{publisher}-{n % 50}", "waitlist": dice.choice(["yes", "no"])}
        if dice.random() < 0.15:
            fields.update(show=shows[1], quantity=str(dice.randint(1, 4)))
        else:
            first = int(NUMBERED * dice.random() ** 2)
            seats = {min(first + dice.randint(0, 5), NUMBERED - 1) for _ in range(dice.choice([1, 1, 1, 2, 3, 4]))}
            fields.update(show=shows[0], seats=",".join(f"{seat + 1:03}" for seat in seats))
        yield fields
        if dice.random() < 0.03:
            yield fields
        if dice.random() < 0.05:  # the same wish, as another booking: whoever has the seats has them
            yield {**fields, "booking_id": new_id(), "waitlist": dice.choice(["yes", "no"])}


def publish(stack, publisher, shows, asked, permits):
    for fields in requests_of(publisher, shows):
        permits.acquire()
        asked.append(stack.xadd(fields))


def busiest(stack, kind, stream, group):
    """The worker that has most in hand, if one has anything."""
    pending = {owner: count for owner, count in stack.pending(stream, group).items() if count}
    names = {stack.consumer(name): name for name in stack.workers(kind)}
    return next((names[owner] for owner in sorted(pending, key=pending.get, reverse=True) if owner in names), None)


def kill_somebody_at_work(stack, what, publishers, permits):
    """Kills the worker that has most in hand of one step. While there is none, more is asked for. None if all is done."""
    def find():
        found = busiest(stack, *what) or busiest(stack, "ticket-worker", "booking.requested", "hold")
        if not found:
            permits.release(MORE)
        return found or (not any(thread.is_alive() for thread in publishers) and "nobody")
    victim = wait_until(find, "somebody is at work", timeout=60)
    if victim == "nobody":
        return None
    stack.kill(victim)
    return victim


def test_every_seat_goes_to_the_earliest_request_whoever_is_killed(crowd, tell):
    shows = crowd.show(seats=NUMBERED), crowd.show(seats=STANDING, general=True)
    asked, killed, permits = [], [], threading.Semaphore(0)
    publishers = [threading.Thread(target=publish, args=(crowd, n, shows, asked, permits), daemon=True) for n in range(PUBLISHERS)]
    for thread in publishers:
        thread.start()
    for n in range(KILLS):
        decided = crowd.one("SELECT count(*) FROM ticketing.bookings")
        permits.release(A_ROUND)
        wait_until(lambda: crowd.one("SELECT count(*) FROM ticketing.bookings") > decided or not any(map(threading.Thread.is_alive, publishers)),
                   "the bookings go on", timeout=60)
        killed.append(kill_somebody_at_work(crowd, VICTIMS[n % len(VICTIMS)], publishers, permits))
        assert not crowd.violations(live=True)
    permits.release(2 * BOOKINGS)
    for thread in publishers:
        thread.join()
    crowd.wait_drained(timeout=90)

    requests = crowd.entries("booking.requested")
    assert len(requests) > BOOKINGS and sorted(asked) == sorted(entry for entry, _ in requests), "no request is lost"
    expected = replay(requests, {show: list(crowd.seats(show)) for show in shows})
    stored = {booking: Outcome(*outcome) for booking, *outcome in crowd.rows(
        "SELECT booking_id::text, show_id, status::text, seats, reason, entry_ms || '-' || entry_seq FROM ticketing.bookings")}
    wrong = {booking: (stored.get(booking), outcome) for booking, outcome in expected.items() if stored.get(booking) != outcome}
    assert not wrong and stored.keys() == expected.keys()

    winners = {booking: outcome for booking, outcome in expected.items() if outcome.status == "CONFIRMED"}
    reasons = Counter(outcome.reason for outcome in expected.values())
    assert reasons["already_yours"] > 10 and reasons["seat_taken"] > 10, reasons
    assert {fields["event_id"] for _, fields in crowd.entries("seat.held")} == {f"{booking}:held" for booking in winners}
    assert set(crowd.rows("SELECT show_id, label, booking_id::text FROM ticketing.seats WHERE status = 'BOOKED' AND show_id = ANY(%s)",
                          list(shows))) == {(won.show, seat, booking) for booking, won in winners.items() for seat in won.seats}
    assert crowd.redis.xlen("dead") == 0 and not crowd.violations()

    taken_over = sum(crowd.log(name).count("entries taken over") for name in crowd.names())
    assert len(list(filter(None, killed))) >= KILLS // 2 and taken_over, "the kills must hit somebody at work"
    crowd.check_misdeeds()
    tell(f"{len(requests)} requests, {len(winners)} winners of {NUMBERED + STANDING} seats, {KILLS} kills, {taken_over} take-overs: "
         "as in the replay")


def test_the_statistics_add_up_exactly_after_the_kills(crowd):
    """Whatever was said twice and read again: every entry is counted once."""
    crowd.wait_ready("aggregator-1")
    events = {stream: crowd.entries(stream) for stream in STREAMS}
    unique = {stream: len({fields.get("event_id", entry) for entry, fields in entries}) for stream, entries in events.items()}
    total = sum(len(entries) for entries in events.values())

    def add_up():
        stats = crowd.stats()
        assert stats["received"] == total
        return stats

    stats = wait_until(add_up, "the statistics are of now")
    assert (stats["unique_processed"], stats["rejected"]) == (sum(unique.values()), 0)
    assert stats["duplicate_dropped"] == total - sum(unique.values())
    assert stats["topics"] == {stream: count for stream, count in unique.items() if count}
    assert stats["bookings"] == dict(crowd.rows("SELECT status::text, count(*) FROM ticketing.bookings GROUP BY 1"))
    assert stats["payments"] == {"SUCCEEDED": stats["bookings"]["CONFIRMED"]} and stats["dead_letters"] == 0
    assert {stream: shown["length"] for stream, shown in stats["streams"].items() if stream in STREAMS} == {
        stream: len(entries) for stream, entries in events.items()}
    groups = [group for shown in stats["streams"].values() for group in shown["groups"].values()]
    assert len(groups) > 10 and all(group["lag"] == group["pending"] == 0 for group in groups)
