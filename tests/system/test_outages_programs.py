"""One of our own programs is away, or leaves while a server is away: the others go on, and nothing waits longer than it must."""
import json
import time

import psycopg2
import pytest

from karcis import Load, wait_until
from load import SteadyLoad
from outages import all_are, frozen, killed, programs, terminate_together, wait_all_ready

HAND_BACK_S = 2
STOP_S = 3


def check_that_a_new_booking_stops_at(stack, last):
    """The aggregator shows a booking that the publisher has just taken, in the end with this status, and then with no other."""
    headers = {"Authorization": f"Bearer {stack.env['CLIENT_KEY']}", "Content-Type": "application/json"}
    status, body = stack.http("POST", stack.port("publisher"), "/bookings",
                              json.dumps({"user": "ayu", "show": stack.show("A1"), "seats": ["A1"]}), headers)
    assert status == 202
    asked = json.loads(body)["booking_id"]

    def shown():
        status, body = stack.http("GET", stack.port("aggregator-1"), f"/bookings/{asked}")
        assert status == 200, body
        return json.loads(body)["status"]

    wait_until(lambda: shown() == last, f"it is shown as {last}", timeout=30)
    end = time.monotonic() + 0.5
    while time.monotonic() < end:
        assert shown() == last


@pytest.mark.parametrize("away", [killed, frozen])
def test_one_program_away_stops_no_other(stack, away, tell):
    with SteadyLoad(stack) as load:
        for name in programs(stack):
            with away(stack, name):
                since = time.monotonic()
                for way in {"publisher": ["XADD"]}.get(name, ["XADD", "POST"]):
                    load.wait_accepted(60, since, way)
                assert all_are(stack, 200, "/healthz", but=[name]) and all_are(stack, 200, "/readyz", but=[name])
                if name == "publisher":
                    load.recovery_s(since, ways=["XADD"])
                elif name == "aggregator-1":
                    load.recovery_s(since)
                else:
                    check_that_a_new_booking_stops_at(stack, "REQUESTED" if name == "ticket-worker-1" else "HELD")
                    assert stack.stats()
            back = time.monotonic()
            tell(f"{name}: flows again after {load.recovery_s(back):.1f} s")
    load.check()


@pytest.mark.parametrize("server, away", [("redis", killed), ("redis", frozen), ("postgres", killed), ("postgres", frozen)])
def test_programs_told_to_stop_while_a_server_is_away_exit_0_in_time(two, server, away, tell):
    with SteadyLoad(two) as load:
        with away(two, server):
            ends = terminate_together(two, programs(two))
            assert {status for status, _ in ends.values()} == {0}, ends
            assert max(seconds for _, seconds in ends.values()) < STOP_S, ends
            wait_until(lambda: all_are(two, 200, "/healthz"), "their supervisors have started them again", timeout=30)
        seconds = load.recovery_s(time.monotonic(), within=20)
        wait_all_ready(two)
    load.check()
    tell(f"{', '.join(f'{name} {took:.1f} s' for name, (_, took) in ends.items())}; flows again after {seconds:.1f} s")


def test_what_a_leaving_worker_could_not_finish_is_taken_over_at_once(two, tell):
    """Its statement waits for a row that somebody else has locked, for longer than it has time to leave."""
    show = two.show("A1", "A2")
    leaver, stayer = "ticket-worker-1", "ticket-worker-2"
    locker = psycopg2.connect(two.env["DATABASE_URL"])
    locker.cursor().execute("SELECT FROM ticketing.seats WHERE show_id = %s FOR UPDATE", (show,))
    booking = two.book(show, "A1")
    wait_until(lambda: sum(two.pending("booking.requested", "hold").values()) == 1, "somebody has it in hand")
    if not two.pending("booking.requested", "hold").get(two.consumer(leaver)):
        leaver, stayer = stayer, leaver
    status, seconds = two.terminate(leaver)
    locker.close()
    released = time.monotonic()
    two.wait_for(booking, "CONFIRMED")
    taken_over = time.monotonic() - released
    assert status == 0 and seconds < STOP_S
    assert taken_over < HAND_BACK_S
    two.wait_ready(leaver)
    tell(f"left after {seconds:.1f} s, confirmed {taken_over:.2f} s later")


def test_a_leaving_worker_leaves_no_gap_in_the_flow(two, tell):
    """Under load somebody is always in the middle of something."""
    with Load(two) as load:
        for name in two.workers("ticket-worker") + two.workers("payment-worker"):
            status, _ = two.terminate(name)
            so_far = len(load.booked)
            assert status == 0
            started = time.monotonic()
            wait_until(lambda: len(load.booked) > so_far + 5, "the load goes on")
            two.wait_for(load.booked[so_far], "CONFIRMED")
            tell(f"{name}: booked later, confirmed after {time.monotonic() - started:.2f} s")
            two.wait_ready(name)
    load.all_are_confirmed()
