"""A network that swallows packets instead of refusing connections. The stack is alone in a network of the test's own; while one
server is cut off from our programs, the load still reaches Redis by another address."""
import time

import pytest

from load import SteadyLoad
from outages import cut, pids, wait_all_ready, watch

CUT_S = 20


@pytest.mark.usefixtures("network")
def test_packets_dropped_between_the_programs_and_a_server_lose_nothing(own_stack, tell):
    stack = own_stack(TICKET_WORKERS=2, PAYMENT_WORKERS=2)
    stack.redis.config_set("bind", "127.0.0.1 127.0.0.2")
    before = pids(stack)
    for server, ready in (("redis", []), ("postgres", ["publisher"])):
        with SteadyLoad(stack, redis_host="127.0.0.2") as load:
            with cut(stack, server):
                since = watch(stack, CUT_S, unready_within=CUT_S - 4, ready=ready)
                until = time.monotonic()
            if server == "redis":
                said = load.refusals(since, until)
                assert max(request.answered - request.sent for request in said) < 2, "a refusal is quick"
            else:
                assert set(load.answers(since, until)) == {"202 "}, "requests are taken without PostgreSQL"
            assert len(load.answers(since, until, way="XADD")) > 100
            seconds = load.recovery_s(until, within=20)
            wait_all_ready(stack)
        load.check()
        stack.check_at_rest()
        tell(f"{server}: flows again after {seconds:.1f} s; {load.summary()}")
    assert pids(stack) == before
