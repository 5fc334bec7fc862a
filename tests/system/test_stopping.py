"""Programs come and go: asked to, killed, or frozen. Nothing is lost, and nobody waits long for what another had in hand."""
import http.client
import json
import signal
import threading
import time

import psycopg2
import pytest

from karcis import PROGRAMS, Load, new_id, wait_until
from outages import frozen, killed, programs, terminate_together

TAKE_OVER_S = 5
STOP_S = 3  # most of it is to be sure that a server is not merely slow


def freeze_with_an_entry(stack, name, show, seats):
    """Freezes the worker while its reader waits at Redis, which hands out an entry to it or to the other one, in turn. Whether a
    reader waits nobody can tell: if the frozen one was given nothing, it is thawed and frozen again. The bookings."""
    booked = []
    for _ in range(20):
        stack.signal(name, signal.SIGSTOP)
        for _ in range(2):
            booked.append(stack.book(show, next(seats)))
            wait_until(lambda: not unread(stack), "Redis hands the entry out")
            if stack.pending("booking.requested", "hold").get(stack.consumer(name)):
                return booked
        stack.signal(name, signal.SIGCONT)
        stack.wait_drained()
    raise AssertionError("the frozen worker was given nothing")


def unread(stack):
    (group,) = stack.redis.xinfo_groups("booking.requested")[:1]
    return group["last-delivered-id"] != stack.redis.xinfo_stream("booking.requested")["last-generated-id"]


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_told_to_stop_under_load_exits_0_in_time_and_nothing_is_lost(two, program, tell):
    name = program if program == "publisher" else f"{program}-1"
    idle = http.client.HTTPConnection("127.0.0.1", two.port(name), timeout=5)
    idle.request("GET", "/readyz")  # kept open: somebody always keeps a connection open
    idle.getresponse().read()
    with Load(two) as load:
        status, seconds = two.terminate(name)
        so_far = len(load.booked)
        two.wait_ready(name)
        wait_until(lambda: len(load.booked) > so_far, "the load goes on")
    idle.close()
    assert status == 0, two.tail(name)
    assert seconds < 8
    load.all_are_confirmed()
    tell(f"{seconds:.2f} s")


class UnderWay:
    """A request that the program has read and cannot answer yet."""

    def __init__(self, stack, name, method, path, body):
        self.connection = http.client.HTTPConnection("127.0.0.1", stack.port(name), timeout=20)
        self.connection.request("GET", "/healthz")
        self.connection.getresponse().read()
        self.connection.request(method, path, json.dumps(body) if body else None,
                                {"Authorization": f"Bearer {stack.env['ADMIN_KEY']}", "Content-Type": "application/json"})
        assert stack.http("GET", stack.port(name), "/healthz")[0] == 200, "it came behind, so the other was read"

    def answer(self):
        answer = self.connection.getresponse()
        self.connection.close()
        return answer.status, json.loads(answer.read())["code"], answer.headers["Retry-After"]


@pytest.mark.parametrize("server, away, refused", [
    ("redis", killed, {}),
    ("redis", frozen, {("publisher", "POST", "/bookings"): "broker_lost", ("publisher", "POST", "/publish"): "broker_lost"}),
    ("postgres", frozen, {("publisher", "PATCH", "/shows/demo"): "store_away", ("publisher", "POST", "/sessions"): "store_away",
                          ("aggregator-1", "GET", "/shows"): "store_away"}),
], ids=["Redis stopped", "Redis frozen", "PostgreSQL frozen"])
def test_who_is_told_to_stop_does_not_wait_for_a_server_that_is_away(two, server, away, refused, tell):
    """A worker has a batch in hand, which a locked row holds up; clients have asked what cannot be answered."""
    bodies = {"/bookings": {"user": "ayu", "show": "demo", "seats": ["A1"]}, "/sessions": {"name": "ayu", "password": "a sentence"},
              "/publish": {"topic": "gate.opened", "id": new_id(), "payload": {}}, "/shows/demo": {"title": "Demo"}}
    show = two.show("A1", "A2")
    locker = psycopg2.connect(two.env["DATABASE_URL"])
    locker.cursor().execute("SELECT FROM ticketing.seats WHERE show_id = %s FOR UPDATE", (show,))
    bookings = [two.book(show, "A1"), two.book(show, "A2")]
    wait_until(lambda: sum(two.pending("booking.requested", "hold").values()) == 2, "they are in hand")
    with away(two, server):
        if server == "redis":
            locker.close()
            wait_until(lambda: two.booking(bookings[0]), "it is stored, and cannot be said")
        asked = {UnderWay(two, *request, bodies.get(request[2])): code for request, code in refused.items()}
        ends = terminate_together(two, programs(two))
        answers = {request.answer(): code for request, code in asked.items()}
    locker.close()
    assert {status for status, _ in ends.values()} == {0}, ends
    assert max(seconds for _, seconds in ends.values()) < STOP_S, ends
    assert answers == {(503, code, "1"): code for code in asked.values()}
    for booking in bookings:
        two.wait_for(booking, "CONFIRMED", timeout=30)
    two.wait_ready(*programs(two))
    tell(", ".join(f"{name} {seconds:.1f} s" for name, (_, seconds) in sorted(ends.items())))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["asked to stop", "killed"])
def test_a_booking_answered_202_is_there_whatever_becomes_of_the_publisher(two, number):
    show = two.show(seats=20000)
    seats = list(two.seats(show))
    headers = {"Authorization": f"Bearer {two.env['CLIENT_KEY']}", "Content-Type": "application/json"}
    accepted, stopped = [], threading.Event()

    def post(part):
        for seat in seats[part::4]:
            if stopped.is_set():
                return
            status, body = two.http("POST", two.port("publisher"), "/bookings",
                                    json.dumps({"user": "ayu", "show": show, "seats": [seat]}), headers)
            assert status in (202, 503, 0), (status, body)
            if status == 202:
                accepted.append(json.loads(body)["booking_id"])
            else:
                time.sleep(0.02)  # as a client does that was refused

    threads = [threading.Thread(target=post, args=(part,)) for part in range(4)]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(accepted) > 100, "bookings are accepted")
    if number == signal.SIGKILL:
        two.kill("publisher")
    else:
        assert two.terminate("publisher")[0] == 0
    two.wait_ready("publisher")
    so_far = len(accepted)
    wait_until(lambda: len(accepted) > so_far + 20, "bookings are accepted again")
    stopped.set()
    for thread in threads:
        thread.join()
    two.wait_drained(timeout=60)
    confirmed = {booking for booking, in two.rows("SELECT booking_id::text FROM ticketing.bookings WHERE status = 'CONFIRMED'")}
    assert set(accepted) <= confirmed and len(set(accepted)) == len(accepted)


def test_a_publisher_that_begins_is_ready_once_it_knows_whether_its_database_is_there(two):
    """Until then whoever logged in would be refused for nothing; it is not waited for (STORE_CONNECT_MS)."""
    with frozen(two, "postgres"):
        began = time.monotonic()
        two.kill("publisher")
        two.wait_ready("publisher")
        assert time.monotonic() - began > 2.9
    wait_until(lambda: two.http("PATCH", two.port("publisher"), "/shows/demo", "{}", {
        "Authorization": f"Bearer {two.env['ADMIN_KEY']}", "Content-Type": "application/json"})[0] == 200, "the database is used again")


def test_what_a_stopping_worker_hands_back_is_taken_over_at_once(own_stack, tell):
    """The first worker has entries that wait for their turn, which the frozen second one holds up, and is not taken for dead."""
    two = own_stack(TICKET_WORKERS=2, CLAIM_IDLE_MS=20000)
    show = two.show(seats=60)
    seats = iter(list(two.seats(show)))
    leaver, stayer = "ticket-worker-1", "ticket-worker-2"
    heartbeat = f"hb:{two.consumer(leaver)}"
    booked = freeze_with_an_entry(two, stayer, show, seats)
    booked += [two.book(show, next(seats)) for _ in range(5)]
    wait_until(lambda: two.pending("booking.requested", "hold").get(two.consumer(leaver), 0) > 0, "the leaver has something in hand")
    status, _ = two.terminate(leaver)
    assert status == 0 and not two.redis.exists(heartbeat), "whoever leaves says so"
    assert two.pending("booking.requested", "hold"), "the entries are handed back, not acknowledged"
    two.signal(stayer, signal.SIGCONT)
    started = time.monotonic()
    for booking in booked:
        two.wait_for(booking, "CONFIRMED", timeout=TAKE_OVER_S)
    seconds = time.monotonic() - started
    assert seconds < TAKE_OVER_S
    two.wait_ready(leaver)
    tell(f"{seconds:.2f} s")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "frozen"])
def test_the_entries_of_a_dead_worker_are_taken_over_in_time(two, number, tell):
    """Its entry is the smallest pending one, so everybody behind it waits for the take-over."""
    show = two.show(seats=60)
    seats = iter(list(two.seats(show)))
    victim, other = "ticket-worker-1", "ticket-worker-2"
    booked = freeze_with_an_entry(two, victim, show, seats)
    booked += [two.book(show, next(seats)) for _ in range(5)]
    started = time.monotonic()
    if number == signal.SIGKILL:
        two.kill(victim)
    for booking in booked:
        two.wait_for(booking, "CONFIRMED", timeout=TAKE_OVER_S)
    seconds = time.monotonic() - started
    assert seconds < TAKE_OVER_S
    assert "entries taken over" in two.log(victim) + two.log(other)
    if number == signal.SIGSTOP:
        two.signal(victim, signal.SIGCONT)
    two.wait_ready(victim)
    wait_until(lambda: two.backlog() == {}, "whoever wakes up finds its work done")
    tell(f"{seconds:.2f} s")


def test_a_killed_payment_worker_loses_no_payment_and_makes_none_twice(two):
    with Load(two) as load:
        for _ in range(4):
            victim = wait_until(lambda: next((name for name in two.workers("payment-worker")
                                              if two.pending("seat.held", "invoice").get(two.consumer(name))
                                              or two.pending("invoice.created", "charge").get(two.consumer(name))), None), "one is at work")
            two.kill(victim)
    load.all_are_confirmed()
    assert two.one("SELECT count(*) FROM payment.payments JOIN ticketing.bookings USING (booking_id) WHERE show_id = %s",
                   load.show) == len(load.booked)


def test_workers_are_added_and_removed_while_bookings_go_on(two):
    with Load(two) as load:
        added = two.add("ticket-worker"), two.add("payment-worker")
        assert added == ("ticket-worker-3", "payment-worker-3")
        wait_until(lambda: all("event=\"seat held\"" in two.log(name) or "event=invoiced" in two.log(name) for name in added), "they work")
        for name in ("ticket-worker-1", *added):
            two.remove(name)
    load.all_are_confirmed()
    two.command("up")  # what was removed comes back
    two.wait_ready("ticket-worker-1")


def test_a_step_that_nobody_runs_holds_up_only_its_own_entries(stack):
    show = stack.show("A1", "A2")
    with stack.restarted("payment-worker-1", STEPS="invoice"):
        booking = stack.book(show, "A1")
        stack.wait_for(booking, "AWAITING_PAYMENT")
        assert wait_until(lambda: stack.backlog() == {"invoice.created/charge": "unread"}, "only charge has something left to do")
    stack.wait_for(booking, "CONFIRMED")
