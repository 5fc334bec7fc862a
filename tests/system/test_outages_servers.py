"""Redis or PostgreSQL is away for a while, in one of many ways. What was accepted before and meanwhile becomes final, nobody
has to restart a program, and everything flows again within seconds."""
import signal
import time

import pytest

from karcis import wait_until
from load import SteadyLoad
from outages import frozen, killed, pids, superuser, wait_all_ready, wait_server, watch

GONE_S = 20


def test_redis_gone_for_20_s_refuses_at_the_door_and_loses_nothing(two, tell):
    before = pids(two)
    with SteadyLoad(two) as load:
        with killed(two, "redis"):
            since = watch(two, GONE_S, unready_within=3)
            until = time.monotonic()
        seconds = load.recovery_s(until)
        wait_all_ready(two)
        said = load.refusals(since, until)
    load.check()
    assert pids(two) == before
    slowest = max(request.answered - request.sent for request in said)
    assert slowest < 2, "a refusal is quick"
    tell(f"flows again after {seconds:.1f} s; {len(said)} refusals, the slowest after {slowest * 1000:.0f} ms; {load.summary()}")


def test_postgres_gone_for_20_s_holds_up_but_loses_nothing(two, tell):
    before = pids(two)
    with SteadyLoad(two) as load:
        with killed(two, "postgres"):
            since = watch(two, GONE_S, unready_within=3, ready=["publisher"])
            until = time.monotonic()
            assert set(load.answers(since, until)) == {"202 "}, "requests are taken without PostgreSQL"
        seconds = load.recovery_s(until, within=20)  # what has piled up comes first
        wait_all_ready(two)
    load.check()
    assert pids(two) == before
    received = two.one("SELECT count(*) FROM log.events WHERE topic = 'booking.requested' AND payload->>'show' = %s", load.show)
    assert received == len(load.journal), "each was logged once"
    tell(f"flows again after {seconds:.1f} s; {load.summary()}")


@pytest.mark.parametrize("server, seconds", [("redis", 10), ("postgres", 16)])
def test_a_server_that_freezes_is_given_up_and_used_again(two, server, seconds, tell):
    """Longer than our time-outs. What it was asked before it froze, it may still do when it wakes up."""
    before = pids(two)
    with SteadyLoad(two) as load:
        with frozen(two, server):
            end = time.monotonic() + seconds
            ready = ["publisher"] if server == "postgres" else []
            since = watch(two, seconds, unready_within=seconds - 2, ready=ready)
            if server == "redis":
                load.refusals(since, time.monotonic())
            assert time.monotonic() < end + 5
            until = time.monotonic()
        recovery = load.recovery_s(until, within=20)
        wait_all_ready(two)
    load.check()
    assert pids(two) == before
    tell(f"flows again after {recovery:.1f} s; {load.summary()}")


def test_programs_that_have_nothing_to_do_notice_a_frozen_postgres(two):
    with frozen(two, "postgres"):
        watch(two, 0, unready_within=14, ready=["publisher"])
    wait_all_ready(two)


def test_sessions_that_postgres_ends_again_and_again_lose_nothing(two, tell):
    """As a fail-over does it, or an administrator."""
    before = pids(two)
    ended = 0
    with SteadyLoad(two) as load, superuser(two) as cursor:
        end = time.monotonic() + 5
        while time.monotonic() < end:
            cursor.execute("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename LIKE 'karcis\\_%'")
            ended += cursor.fetchone()[0]
            time.sleep(0.05)
        seconds = load.recovery_s(end)
        wait_all_ready(two)
    load.check()
    assert pids(two) == before and ended > 20
    tell(f"flows again after {seconds:.1f} s; {ended} sessions ended; {load.summary()}")


def test_a_postgres_that_stops_at_once_and_starts_again_loses_nothing(two, tell):
    before = pids(two)
    with SteadyLoad(two) as load:
        for _ in range(2):
            first = two.pid("postgres")
            two.expected_ends["postgres", 0] += 1
            started = time.monotonic()
            two.signal("postgres", signal.SIGQUIT)
            wait_until(lambda: two.pid("postgres") not in (0, first), "its supervisor starts it again")
            wait_server(two, "postgres")
            load.recovery_s(time.monotonic())
            tell(f"flows again {time.monotonic() - started:.1f} s after the signal")
        wait_all_ready(two)
    load.check()
    assert pids(two) == before
