"""Prefer: wait=N: a client is told the outcome in one answer, and its waiting costs the system next to nothing."""
import concurrent.futures
import json
import os
import re
import selectors
import signal
import socket
import time

import psycopg2
import pytest

from booker import Booker, booker  # noqa: F401 (a fixture)
from karcis import new_id, wait_until


def test_who_waits_is_told_at_once_when_the_booking_is_held(stack, booker):
    """By the streams: who is only found by a look at all who wait (every half second) comes too late here."""
    show = stack.show(seats=12)
    booker.book(show, "001", prefer="wait=5")  # the followers had a rest
    took = []
    for seat in list(stack.seats(show))[1:]:
        started = time.monotonic()
        assert booker.book(show, seat, prefer="wait=5")[0] == 201
        took.append(time.monotonic() - started)
    assert sum(took) < 0.3 * len(took), took


def test_the_answer_to_who_waits_is_the_booking(stack, booker):
    show = stack.show("A1", "A2", amount=75000)
    status, headers, booking = booker.book(show, "A1", prefer="wait=5")
    assert (status, headers["Preference-Applied"]) == (201, "wait=5")
    assert booking["status"] in ("HELD", "AWAITING_PAYMENT", "CONFIRMED")
    assert (booking["user"], booking["show"], booking["seats"]) == ("ayu", show, ["A1"])
    assert booking["amount"] == {"amount": 75000, "currency": "IDR"}
    assert headers["Location"] == f"/bookings/{booking['booking_id']}"
    shown = booker.get(headers["Location"])[1]
    assert shown.keys() == booking.keys()


@pytest.mark.parametrize("asked, applied", [
    ("wait=99", "wait=30"), ("respond-async, wait=7", "wait=7"), ("WAIT = \"13\"; x=y", "wait=13"), ("wait=0", None),
    ("wait=soon", None), ("respond-async", None),
])
def test_how_long_is_waited_is_said(stack, booker, asked, applied):
    status, headers, _ = booker.book(stack.show("A1"), "A1", prefer=asked)
    assert (status, headers["Preference-Applied"]) == (201 if applied else 202, applied)


def test_who_waits_is_told_of_a_refusal_and_of_the_waitlist(stack, booker):
    show = stack.show("A1")
    assert booker.book("no-such-show", "A1", prefer="wait=5")[::2][1]["reason"] == "unknown_show"
    assert booker.book(show, "A1", prefer="wait=5")[0] == 201
    took = []
    for n, user in enumerate(("budi", "dewi", "eka"), 1):
        started = time.monotonic()
        status, _, booking = booker.book(show, "A1", user=user, prefer="wait=20")
        took.append(time.monotonic() - started)
        assert (status, booking["status"]) == (201, "WAITLISTED")
        assert booking["waitlist"] == {"position": n, "length": n}
        assert booking == booker.get(f"/bookings/{booking['booking_id']}")[1]
    assert max(took) < 3, took
    body = {"user": "citra", "show": show, "seats": ["A1"], "waitlist": "no"}
    status, _, booking = booker.post("/bookings", body, prefer="wait=5")
    assert (status, booking["status"], booking["reason"]) == (201, "REJECTED", "seat_taken")


def body_of(answer):
    return json.loads(answer.partition(b"\r\n\r\n")[2])


def is_whole(answer):
    head, end, body = answer.partition(b"\r\n\r\n")
    return end and len(body) >= int(re.search(rb"(?i)^content-length: *(\d+)", head, re.M).group(1))


def test_all_who_are_waitlisted_at_once_are_told_their_places(own_stack):
    """Together: who is looked for twice a second, for half a minute, is so 60 times."""
    stack = own_stack()
    show = stack.show("A1", "A2")
    stack.remove("ticket-worker-1")
    connections = send_raw(stack, [request_of(stack, show, ("A1", "A2")[n % 2], wait=30, user=f"fan-{n}") for n in range(200)])
    wait_until(lambda: metric(stack, "karcis_waiting_requests") == 200, "all wait", timeout=30)
    looks = metric(stack, "karcis_wait_looks_total")
    stack.add("ticket-worker")
    answers = [body_of(answer) for answer in read_answers(connections)]
    places = [sorted(answer["waitlist"]["position"] for answer in answers if answer["waitlist"] and answer["seats"] == [seat])
              for seat in ("A1", "A2")]
    assert places == [list(range(1, 100))] * 2
    assert [answer["waitlist"] for answer in answers if answer["status"] != "WAITLISTED"] == [None, None]
    assert metric(stack, "karcis_wait_looks_total") - looks < 100  # two statements for each would be 400


def test_who_is_waitlisted_is_told_so_even_while_places_cannot_be_counted(stack, booker):
    show = stack.show("A1")
    stack.wait_for(booker.book(show, "A1")[2]["booking_id"], "CONFIRMED")
    key = {"idempotency_key": new_id()}
    stack.wait_for(booker.book(show, "A1", user="budi", **key)[2]["booking_id"], "WAITLISTED")
    with psycopg2.connect(stack.env["DATABASE_URL"]) as database, database.cursor() as cursor:
        cursor.execute("LOCK TABLE ticketing.waitlist")  # longer than publisher's sessions wait for a lock
        status, _, booking = booker.book(show, "A1", user="budi", prefer="wait=30", **key)
    assert (status, booking["status"], booking["waitlist"]) == (201, "WAITLISTED", None)
    status, _, booking = booker.book(show, "A1", user="budi", prefer="wait=30", **key)
    assert (status, booking["status"], booking["waitlist"]) == (201, "WAITLISTED", {"position": 1, "length": 1})


def test_who_waits_in_vain_is_told_so_when_the_time_is_up(stack, booker):
    show = stack.show("A1")
    stack.remove("ticket-worker-1")
    started = time.monotonic()
    status, headers, answer = booker.book(show, "A1", prefer="wait=2")
    assert 1.9 < time.monotonic() - started < 4
    assert (status, answer["status"], headers["Preference-Applied"]) == (202, "REQUESTED", "wait=2")
    stack.add("ticket-worker")
    stack.wait_for(answer["booking_id"], "CONFIRMED")


def metric(stack, name):
    text = stack.http("GET", stack.port("publisher"), "/metrics")[1].decode()
    return float(re.search(rf"^{name} (\S+)$", text, re.M).group(1))


def test_a_publisher_that_stops_answers_who_waits(own_stack):
    stack = own_stack()
    booker, show = Booker(stack), stack.show(seats=20)
    stack.remove("ticket-worker-1")
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        waiting = [pool.submit(booker.book, show, seat, prefer="wait=30") for seat in stack.seats(show)]
        wait_until(lambda: metric(stack, "karcis_waiting_requests") == 20, "twenty wait")
        status, seconds = stack.terminate("publisher")
        assert status == 0 and seconds < 5
        answers = [future.result(timeout=5) for future in waiting]
    assert {status for status, _, _ in answers} == {202}
    stack.add("ticket-worker")
    for _, _, answer in answers:
        stack.wait_for(answer["booking_id"], "CONFIRMED")


def test_who_waits_is_told_although_redis_was_restarted_meanwhile(own_stack):
    stack = own_stack()
    booker, show = Booker(stack), stack.show("A1", "A2")
    stack.remove("ticket-worker-1")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(booker.book, show, "A1", prefer="wait=30")
        wait_until(lambda: metric(stack, "karcis_waiting_requests") == 1, "one waits")
        assert booker.book(show, "A2")[0] == 202  # Redis answers in order: it has the one before
        stack.kill("redis")
        stack.wait_ready("publisher")
        stack.add("ticket-worker")
        status, _, booking = waiting.result(timeout=25)
    assert (status, booking["seats"]) == (201, ["A1"])


def request_of(stack, show, seat, wait, user="ayu"):
    body = json.dumps({"user": user, "show": show, "seats": [seat]}).encode()
    return (f"POST /bookings HTTP/1.1\r\nHost: karcis\r\nAuthorization: Bearer {stack.env['CLIENT_KEY']}\r\nPrefer: wait={wait}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n").encode() + body


def send_raw(stack, requests):
    connections = []
    for request in requests:
        connections.append(socket.create_connection(("127.0.0.1", stack.port("publisher"))))
        connections[-1].sendall(request)
    return connections


def read_answers(connections, timeout=60):
    """What each connection was answered with first; all of them are closed."""
    answers = [b""] * len(connections)
    selector = selectors.DefaultSelector()
    for i, connection in enumerate(connections):
        selector.register(connection, selectors.EVENT_READ, i)
    end = time.monotonic() + timeout
    while selector.get_map():
        assert time.monotonic() < end, f"{len(selector.get_map())} of {len(connections)} were not answered"
        for key, _ in selector.select(1):
            news = key.fileobj.recv(65536)
            answers[key.data] += news
            if is_whole(answers[key.data]) or not news:
                selector.unregister(key.fileobj)
    for connection in connections:
        connection.close()
    return answers


def cpu_seconds(pid):
    fields = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def statements_logged(stack, name):
    """How often PostgreSQL says it has executed this prepared statement."""
    return len(re.findall(rf"execute {name}:", stack.log("postgres")))


def test_two_thousand_who_wait_are_all_told_and_the_store_is_not_asked_for_each(own_stack, tell):
    count = 2500
    stack = own_stack()
    show = stack.show(seats=count)
    with psycopg2.connect(stack.role_url("postgres")) as database, database.cursor() as cursor:
        cursor.execute("ALTER ROLE karcis_publisher SET log_min_duration_statement = 0")
    stack.command("restart", "publisher")
    stack.wait_ready("publisher")
    stack.remove("ticket-worker-1")
    before = cpu_seconds(stack.pid("publisher"))
    connections = send_raw(stack, [request_of(stack, show, seat, wait=30) for seat in stack.seats(show)])
    wait_until(lambda: metric(stack, "karcis_waiting_requests") == count, "all wait", timeout=30)
    stack.add("ticket-worker")
    answers = read_answers(connections)
    used = cpu_seconds(stack.pid("publisher")) - before
    assert {answer[:13] for answer in answers} == {b"HTTP/1.1 201 "}
    looks = statements_logged(stack, "wait_bookings")
    tell(f"{count} waited; {looks} statements looked for them; {used / count * 1e6:.0f} us of publisher's CPU each")
    assert 0 < looks < count / 10
    assert metric(stack, "karcis_waiting_requests") == 0


def test_clients_that_leave_hold_nobody_up(stack, booker):
    show = stack.show(seats=200)
    for connection in send_raw(stack, [request_of(stack, show, seat, wait=30) for seat in list(stack.seats(show))[:199]]):
        connection.close()
    assert booker.book(show, "200", prefer="wait=10")[0] == 201
    wait_until(lambda: metric(stack, "karcis_waiting_requests") == 0, "nobody is waited for")


def test_a_bookings_status_goes_forward_from_requested_on(stack, booker):
    """Whoever asks all the time sees each status once, in its order, and never that there is no such booking. The first two,
    one with a key and one without, are not decided before they were looked at, on a fast machine either."""
    order = ["REQUESTED", "HELD", "AWAITING_PAYMENT", "CONFIRMED"]
    show, seen_requested = stack.show(seats=30), 0
    for seat in stack.seats(show):
        key = {"idempotency_key": new_id()} if int(seat) % 2 else {}
        if int(seat) <= 2:
            stack.signal("ticket-worker-1", signal.SIGSTOP)
        status, headers, accepted = booker.book(show, seat, **key)
        assert (status, headers["Location"]) == (202, f"/bookings/{accepted['booking_id']}")
        seen = []
        while seen[-1:] != ["CONFIRMED"]:
            status, booking = booker.get(headers["Location"])
            if int(seat) <= 2 and not seen:
                stack.signal("ticket-worker-1", signal.SIGCONT)
            assert status == 200, (seat, seen, booking)
            if seen[-1:] != [booking["status"]]:
                seen.append(booking["status"])
        assert seen == sorted(seen, key=order.index), seen
        seen_requested += seen[0] == "REQUESTED"
    assert seen_requested >= 2
    assert booker.get(f"/bookings/{new_id()}")[0] == 404


def test_a_booking_is_requested_although_redis_took_seconds_to_take_it(stack, booker):
    show = stack.show("A1")
    stack.remove("ticket-worker-1")
    stack.signal("redis", signal.SIGSTOP)
    try:
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            asked = pool.submit(booker.book, show, "A1")
            time.sleep(2.5)  # its id is made, its entry is not
            stack.signal("redis", signal.SIGCONT)
            status, headers, _ = asked.result()
    finally:
        stack.signal("redis", signal.SIGCONT)
    assert status == 202
    status, booking = booker.get(headers["Location"])
    assert (status, booking["status"]) == (200, "REQUESTED")
    stack.add("ticket-worker")
    stack.wait_for(booking["booking_id"], "CONFIRMED")


def test_a_booking_asked_for_with_a_key_is_requested_until_it_is_decided(stack, booker):
    show = stack.show("A1")
    stack.remove("ticket-worker-1")
    _, headers, _ = booker.book(show, "A1", idempotency_key=new_id())
    status, booking = booker.get(headers["Location"])
    assert (status, booking["status"], booking["seats"]) == (200, "REQUESTED", ["A1"])
    stack.add("ticket-worker")
    wait_until(lambda: booker.get(headers["Location"])[1]["status"] == "CONFIRMED", "it is confirmed")
