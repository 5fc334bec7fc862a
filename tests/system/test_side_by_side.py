"""Two stacks on one machine know nothing of each other."""
from karcis import STREAMS, wait_until


def test_two_stacks_beside_each_other_do_not_disturb(stack, own_stack):
    stack.wait_drained()
    lengths = {stream: stack.redis.xlen(stream) for stream in STREAMS}
    pids = {name: stack.pid(name) for name in stack.names()}
    other = own_stack()
    booking = other.book("demo", "A1")
    other.wait_for(booking, "CONFIRMED")
    other.check_at_rest()
    assert {stream: stack.redis.xlen(stream) for stream in STREAMS} == lengths and stack.booking(booking) is None
    mine = stack.book("demo", "A1", user="budi")
    stack.wait_for(mine, "CONFIRMED")
    assert other.booking(mine) is None

    for program in ("publisher", "aggregator-1"):
        port = stack.port(program)
        assert stack.http("GET", port, "/healthz")[0] == other.http("GET", other.port(program), "/healthz")[0] == 200
    other.command("down")
    assert not other.workers("ticket-worker")
    assert {name: stack.pid(name) for name in pids} == pids
    stack.wait_for(stack.book("demo", "A2"), "CONFIRMED")
    other.command("up")  # its data is still there
    other.connect()
    assert other.booking(booking)["status"] == "CONFIRMED"
    wait_until(lambda: other.stats()["bookings"] == {"CONFIRMED": 1}, "the statistics survive")


def test_a_stack_on_the_ports_of_another_is_refused_and_leaves_it_alone(stack, tmp_path):
    pids = {name: stack.pid(name) for name in stack.names()}
    status, said = stack.command("up", check=False, RUN_DIR=tmp_path / "other")
    assert status == 1 and f"port {stack.port_base + 3} (redis) is taken" in said
    status, said = stack.command("up", check=False, PORT_BASE=stack.port_base + 1)
    assert status == 1 and f"runs with PORT_BASE={stack.port_base}" in said
    assert {name: stack.pid(name) for name in pids} == pids
    assert not (tmp_path / "other" / "postgres").exists()
