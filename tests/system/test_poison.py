"""An entry that kills whoever works on it: it kills a few, and then it is dead itself. Its neighbours do not wait for long."""
import uuid

import pytest

from crew import Crew, WORKERS, steps_of
from karcis import wait_until

STEPS = {step: program for program in WORKERS for step, _ in steps_of(program)}
POISON = "f00dface-dead-4bad-8bad-00000000d1ed"
# As PostgreSQL gets it; in Redis, where it also passes when it goes to `dead`, it is text.
KILLS = "kill before send 1 " + "".join(rf"\x{byte:02x}" for byte in uuid.UUID(POISON).bytes)


@pytest.fixture
def crew():
    crew = Crew(AGGREGATORS=1, PAYMENT_FAILURE_RATE=0)
    yield crew
    crew.end()


def supervise_until(condition, crew, program, **settings):
    """Starts the program again whenever it has died; how often it died."""
    worker, deaths = crew.start(program, **settings), 0

    def is_over():
        nonlocal worker, deaths
        if worker.has_ended():
            worker.wait_killed("it is killed by the poison")
            deaths += 1
            worker = crew.start(program, **settings)
        return condition()
    wait_until(is_over, "somebody has dealt with the poison", timeout=60)
    worker.wait_ready()
    return deaths


@pytest.mark.parametrize("step", ["hold", "invoice", "charge", "settle"])
def test_an_entry_that_kills_its_workers_is_tried_alone_and_then_dead(crew, step):
    stack, show = crew.stack, crew.stack.show(seats=61)
    crew.keep_running({(program, other) for other, program in STEPS.items() if other not in (step, "record")})
    seats = list(stack.seats(show))
    with stack.redis.pipeline(transaction=True) as pipe:
        booked = [stack.book(show, seat, pipe=pipe) for seat in seats[:30]]
        stack.book(show, seats[30], booking_id=POISON, pipe=pipe)
        booked += [stack.book(show, seat, pipe=pipe) for seat in seats[31:]]
        pipe.execute()

    def letters():
        return [fields for _, fields in stack.redis.xrange("dead") if fields.get("field.booking_id") == POISON]
    deaths = supervise_until(letters, crew, STEPS[step], STEPS=step, CRASH_AT=KILLS, CLAIM_IDLE_MS=1000)
    (letter,) = letters()
    assert (letter["step"], letter["reason"]) == (step, "kills_worker")
    assert deaths == 4, "two find out that something is wrong, two what it is"
    for booking in booked:
        stack.wait_for(booking, "CONFIRMED")

    # It stays dead: nobody drives its booking on. Once the program is mended it is replayed, and the booking goes on.
    stack.wait_drained()
    for worker in crew.workers:
        if worker not in crew.normal.values():
            worker.end()
    crew.start(STEPS[step], STEPS=step).wait_ready()
    fields = {name[6:]: value for name, value in letter.items() if name.startswith("field.")}
    stack.xadd({**fields, "event_id": fields.get("event_id", letter["entry_id"])}, letter["stream"])
    stack.wait_for(POISON, "CONFIRMED")
    stack.check_at_rest()
