"""Redis loses what it had: everything, what came after a copy of it, or a group. What a worker had read, and what was decided,
becomes final all the same, because the store knows it; only a request that nobody had read can be missing."""
import contextlib
import os
import shutil
import signal
import time

from karcis import STREAMS, wait_until
from load import ACCEPTED, SteadyLoad
from outages import forget_everything, killed, pids, send_all, unread, wait_all_ready

REDRIVE_S = 30

@contextlib.contextmanager
def held_up(stack):
    """Frozen workers: some bookings are held and wait for their invoice, of others the request was read, of others not even that."""
    stopped = []
    for kind, stream, count in (("payment-worker", "seat.held", 20), ("ticket-worker", "booking.requested", 20)):
        before = stack.redis.xlen(stream)
        stopped += [stack.pid(name) for name in stack.workers(kind)]
        send_all(stopped, signal.SIGSTOP)
        wait_until(lambda: stack.redis.xlen(stream) > before + count, f"{stream} grows")
    wait_until(lambda: len(unread(stack)) > count and stack.pending("booking.requested", "hold"), "some requests are read, others not")
    try:
        yield
    finally:
        send_all(stopped, signal.SIGCONT)


def wait_final(load, requests, lost):
    """All of them but the lost ones."""
    def are_final():
        missing = {request.booking for request in requests} - load.confirmed(requests) - set(lost)
        assert not missing, f"{len(missing)} of {len(requests)} are missing"
        return True
    wait_until(are_final, "what was known is final", timeout=REDRIVE_S)


def all_groups(stack):
    return [(stream, group["name"]) for stream in STREAMS if stack.redis.exists(stream) for group in stack.redis.xinfo_groups(stream)]


def test_everything_in_redis_forgotten_under_load_loses_only_what_nobody_had_read(own_stack, tell):
    stack = own_stack(TICKET_WORKERS=2, PAYMENT_WORKERS=2)
    before = pids(stack)
    with SteadyLoad(stack) as load:
        with held_up(stack):
            lost = forget_everything(stack)
            since = time.monotonic()
        accepted = [request for request in load.of(ACCEPTED) if request.answered < since]
        seconds = load.recovery_s(since)
        wait_final(load, accepted, lost)
        final = time.monotonic() - since
        wait_all_ready(stack)
    load.check(lost)
    stack.check_rules()
    assert pids(stack) == before
    tell(f"flows again after {seconds:.1f} s, all of before is final after {final:.1f} s; {len(lost)} nobody had read; {load.summary()}")


def test_a_redis_from_an_older_copy_loses_only_what_nobody_had_read_since(own_stack, tell):
    stack = own_stack(TICKET_WORKERS=2, PAYMENT_WORKERS=2)
    before = pids(stack)
    data = f"{stack.run_dir}/redis"
    with SteadyLoad(stack) as load:
        with killed(stack, "redis"):
            shutil.copytree(data, f"{stack.run_dir}/copy")
        copied = time.monotonic()
        load.recovery_s(copied)
        wait_until(lambda: len(load.of(ACCEPTED, copied)) > 200, "much is not in the copy")
        with held_up(stack):
            looked = time.monotonic()
            lost = unread(stack)
            with killed(stack, "redis"):
                since = time.monotonic()
                shutil.rmtree(data)
                os.rename(f"{stack.run_dir}/copy", data)
        lost += [request.booking for request in load.journal if request.sent < since and not 0 < request.answered < looked]
        accepted = [request for request in load.of(ACCEPTED) if request.answered < since]
        seconds = load.recovery_s(time.monotonic())
        wait_final(load, accepted, lost)
        final = time.monotonic() - since
        wait_all_ready(stack)
    load.check(lost)
    stack.check_rules()
    assert pids(stack) == before
    tell(f"flows again after {seconds:.1f} s, all of before is final after {final:.1f} s; {len(lost)} may be missing; {load.summary()}")


def test_each_group_destroyed_in_turn_under_load_loses_nothing(own_stack, tell):
    """Made again, a group reads its whole stream again."""
    stack = own_stack(TICKET_WORKERS=2, PAYMENT_WORKERS=2)
    before = pids(stack)
    with SteadyLoad(stack) as load:
        longest = 0
        for stream, group in all_groups(stack):
            since = time.monotonic()
            stack.redis.xgroup_destroy(stream, group)
            wait_until(lambda: (stream, group) in all_groups(stack), f"{group} of {stream} is there again")
            longest = max(longest, load.recovery_s(since))
    load.check()
    stack.check_at_rest()
    assert pids(stack) == before
    tell(f"flows again after {longest:.1f} s at most; {load.summary()}")
