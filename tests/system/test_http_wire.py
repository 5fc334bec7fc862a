"""The front door at the level of bytes: slow, huge, half-sent, malformed, chunked and pipelined requests, and those that two
programs could read differently. After each, the next client is served."""
import concurrent.futures
import contextlib
import json
import os
import resource
import signal
import socket
import struct
import threading
import time

import pytest

from karcis import wait_until
from wire import Wire, answers_in, closing_exchange, exchange, unread_bytes

HOST = b"Host: karcis\r\n"
NEXT = b"GET /smuggled HTTP/1.1\r\nHost: karcis\r\n\r\n"
POST = b"POST /bookings HTTP/1.1\r\n" + HOST


def get(path="/healthz", *headers):
    return b"".join([f"GET {path} HTTP/1.1\r\n".encode(), HOST, *(header.encode() + b"\r\n" for header in headers), b"\r\n"])


@pytest.fixture
def port(stack):
    """The publisher's; whatever the test did, it is the same process afterwards and serves."""
    port, pid = stack.port("publisher"), stack.pid("publisher")
    yield port
    assert exchange(port, get())[0].status == 200
    assert stack.pid("publisher") == pid


@pytest.fixture
def booking(stack):
    """A booking as a request, with a body framed by the caller."""
    show = stack.show("A1")
    return json.dumps({"user": "ayu", "show": show, "seats": ["A1"]}).encode(), f"Authorization: Bearer {stack.env['CLIENT_KEY']}\r\n".encode()


# ---- what is no request ----

@pytest.mark.parametrize("status, data", [
    (400, b"GET / HTTP/1.1\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\n" + HOST + HOST + b"\r\n"),
    (400, b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
    (400, b"GET / HTTP/1.1\n" + HOST + b"\n"),
    (400, b"GET /\r\n\r\n"),
    (400, b"GET  / HTTP/1.1\r\n" + HOST + b"\r\n"),
    (400, b"GET /a b HTTP/1.1\r\n" + HOST + b"\r\n"),
    (400, b"GET karcis HTTP/1.1\r\n" + HOST + b"\r\n"),
    (400, b"\r\n\r\n" + NEXT),
    (400, b"GET / HTTP/1.1\r\n" + HOST + b"X : y\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\n" + HOST + b"X: y\r\n z\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\n" + HOST + b"X: y\0z\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\n" + HOST + b"X: y\rz\r\n\r\n"),
    (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(128, 160))),
    (400, b'{"user":"ayu"}'),
    (400, b"\x00" * 1000),
    (400, POST + b"Content-Length: five\r\n\r\nhello"),
    (400, POST + b"Transfer-Encoding: chunked\r\n\r\nhello"),
    (413, POST + b"Content-Length: 10000000000\r\n\r\n"),
    (413, POST + b"Content-Length: 99999999999999999999999999\r\n\r\n"),
    (413, POST + b"Transfer-Encoding: chunked\r\n\r\n100001\r\n"),
    (414, b"GET /" + b"a" * 8000 + b" HTTP/1.1\r\n" + HOST + b"\r\n"),
    (414, b"A" * 1_000_000),
    (417, POST + b"Expect: something\r\nContent-Length: 5\r\n\r\nhello"),
    (431, b"GET / HTTP/1.1\r\n" + HOST + b"X: y\r\n" * 100_000 + b"\r\n"),
    (431, b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"y" * 1_000_000),
    (501, b"BREW /coffee HTTP/1.1\r\n" + HOST + b"\r\n"),
    (501, b"CONNECT karcis:80 HTTP/1.1\r\n" + HOST + b"\r\n"),
    (501, POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    (505, b"GET / HTTP/2.0\r\n" + HOST + b"\r\n"),
    (505, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
], ids=lambda value: str(value[:40]) if isinstance(value, bytes) else None)
def test_what_is_no_request_is_answered_with_a_problem_and_the_connection_is_closed(port, status, data):
    answers = closing_exchange(port, data)
    assert [answer.status for answer in answers] == [status]
    assert answers[0].headers["connection"] == "close"
    answers[0].problem()


def test_what_is_no_json_or_has_no_length_is_answered(port, stack):
    head = POST + f"Authorization: Bearer {stack.env['CLIENT_KEY']}\r\nContent-Type: application/json\r\n".encode()
    broken = head + b"Content-Length: 14\r\n\r\n" + b'{"user":"ayu",'
    answers = exchange(port, broken + get() + head + b"\r\n" + b'{"user":"ayu"}')
    assert [answer.status for answer in answers] == [400, 200, 400, 400], "without a length the body is the next request"
    assert [answers[i].problem()["code"] for i in (0, 2, 3)] == ["not_json", "not_json", "bad_request"]


def test_a_client_that_names_its_broken_request_finds_the_name_in_the_answer(port):
    answer, = closing_exchange(port, POST + b"X-Request-Id: mine-1\r\nContent-Length: x\r\n\r\n")
    assert answer.problem()["request_id"] == "mine-1"


def test_a_body_that_is_too_large_is_refused_before_it_comes_and_while_it_comes(port):
    with Wire(port) as wire:
        wire.send(POST + b"Content-Length: 3000000\r\n\r\n")
        assert answers_in(wire.until(rb"\}$").received)[0].status == 413
    with Wire(port) as wire:
        wire.send(POST + b"Content-Length: 3000000\r\n\r\n" + b"x" * 3_000_000).say_no_more()
        assert [answer.status for answer in answers_in(wire.until_closed())] == [413]
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    assert [answer.status for answer in closing_exchange(port, POST + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 20)] == [413]
    largest = POST + b"Authorization: Bearer x\r\nContent-Length: 1048576\r\n\r\n" + b"x" * 1048576
    assert [answer.status for answer in exchange(port, largest + get())] == [401, 200]


def test_a_client_that_never_stops_sending_is_cut_off(port):
    def send_for_ever(wire):
        while True:
            wire.send(b"x" * 1_000_000)

    with Wire(port) as wire, pytest.raises((ConnectionResetError, BrokenPipeError)):
        wire.send(POST + b"Content-Length: 10000000000\r\n\r\n")
        send_for_ever(wire)


# ---- what a proxy in front could read differently ----

CODINGS = [b"Transfer-Encoding: chunked", b"Transfer-Encoding:chunked", b"transfer-encoding: CHUNKED", b"Transfer-Encoding: xchunked",
           b"Transfer-Encoding : chunked", b"Transfer-Encoding\t: chunked", b" Transfer-Encoding: chunked", b"X: y\r\n Transfer-Encoding: chunked",
           b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x", b"Transfer-Encoding: x\r\nTransfer-Encoding: chunked",
           b"Transfer-Encoding: chunked, identity", b"Transfer-Encoding: identity, chunked", b"Transfer-Encoding: \x0bchunked",
           b"Transfer-Encoding: chunked\x00", b"Transfer-Encoding: \"chunked\"", b"Transfer-Encoding: chunked;a=b", b"Transfer-Encoding:",
           b"X: y\rTransfer-Encoding: chunked", b"X: y\nTransfer-Encoding: chunked", b"Transfer-Encoding:\n chunked",
           b"Transfer-Encoding: chunked\r\nContent-Length: 3"]
LENGTHS = [b"Content-Length: 5\r\nContent-Length: 6", b"Content-Length: 5\r\ncontent-length: 5", b"Content-Length: 5, 6", b"Content-Length: +5",
           b"Content-Length: 5 ,5", b"Content-Length: 0x5", b"Content-Length: 5\x00", b"Content-Length : 5", b"Content-Length\x0b: 5",
           b"Content-Length: 5\r\n 6", b" Content-Length: 5", b"X: y\nContent-Length: 5", b"Content-Length: 18446744073709551621",
           b"Content-Length: -1", b"Content-Length: 5e0", b"Content-Length: \xef\xbc\x95", b"Content-Length:"]
CHUNKS = [b"5\nhello\n0\n\n", b"5\r\nhello\r\n0\n\n", b"5\r\nhello0\r\n\r\n", b"5 \r\nhello\r\n0\r\n\r\n", b"0x5\r\nhello\r\n0\r\n\r\n", b"+5\r\nhello\r\n0\r\n\r\n",
          b"5;\nhello\r\n0\r\n\r\n", b"5;a\rb\r\nhello\r\n0\r\n\r\n", b"-0\r\n\r\n", b"\r\n0\r\n\r\n", b"0 \r\n\r\n", b"0\r\n X: y\r\n\r\n",
          b"0\r\nContent-Length : 5\r\n\r\n", b"10000000000000005\r\nhello\r\n0\r\n\r\n", b"5\r\nhello\rX0\r\n\r\n", b"0\r\n\n"]
PAIRS = [*(POST + b"Content-Length: 5\r\n" + coding + b"\r\n\r\n0\r\n\r\n" for coding in CODINGS),
         *(POST + coding + b"\r\nContent-Length: 4\r\n\r\n5\r\nhello\r\n0\r\n\r\n" for coding in CODINGS),
         *(POST + length + b"\r\n\r\nhello" for length in LENGTHS),
         *(POST + b"Transfer-Encoding: chunked\r\n\r\n" + chunks for chunks in CHUNKS),
         b"GET /healthz HTTP/1.1\r\n" + HOST + b"Content-Length: 42\r\n\r\n",
         b"GET /healthz HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
         b"POST /bookings HTTP/1.0\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"]


@pytest.mark.parametrize("data", PAIRS, ids=repr)
def test_a_request_whose_end_could_be_read_in_two_ways_is_refused_and_nothing_behind_it_is_read(port, data):
    answers = closing_exchange(port, data + NEXT)
    assert len(answers) == 1 and answers[0].status in (400, 413, 501), answers
    answers[0].problem()


def test_a_request_that_fails_but_ends_where_it_says_leaves_the_next_one_alone(port):
    body = b"GET /smuggled HTTP/1.1\r\n\r\n"
    whole = POST + b"Content-Length: %d\r\n\r\n" % len(body) + body
    chunked = POST + b"Transfer-Encoding: chunked\r\n\r\n%x;a=b\r\n" % len(body) + body + b"\r\n0\r\nX: y\r\n\r\n"
    assert [answer.status for answer in exchange(port, whole + chunked + get() + get("/nothing"))] == [401, 401, 200, 404]


# ---- in pieces, cut short, one behind the other ----

def framed(booking):
    body, key = booking
    return POST + key + b"Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n%x;a\r\n" % len(body) + body + b"\r\n0\r\nX: y\r\n\r\n"


def test_a_chunked_request_means_the_same_wherever_it_is_cut(port, booking, stack):
    data = framed(booking)
    for at in range(1, len(data)):
        with Wire(port) as wire:
            wire.send(data[:at])
            time.sleep(0.001)                   # so that it arrives as two pieces, mostly
            answers = answers_in(wire.send(data[at:]).say_no_more().until_closed())
        assert [answer.status for answer in answers if answer.status != 100] == [202], at
    stack.wait_drained()


def test_a_request_that_ends_early_at_any_byte_has_no_effect(port, booking, stack):
    data, before = framed(booking), stack.redis.xlen("booking.requested")
    for at in range(len(data)):
        statuses = [answer.status for answer in exchange(port, data[:at]) if answer.status != 100]
        assert statuses == ([400] if at else []), at
        with Wire(port) as wire:
            wire.send(data[:at])
            if at % 2:                          # every other one with a reset
                wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert stack.redis.xlen("booking.requested") == before


def test_pipelined_requests_are_answered_in_their_order(port):
    body = b'{"a":1}'
    requests = [get("/healthz" if i % 3 else "/nothing", f"X-Request-Id: r-{i}") if i % 5 else
                POST + b"X-Request-Id: r-%d\r\nContent-Length: %d\r\n\r\n" % (i, len(body)) + body for i in range(2000)]
    answers = exchange(port, b"".join(requests))
    assert [answer.headers["x-request-id"] for answer in answers] == [f"r-{i}" for i in range(2000)]
    assert [answer.status for answer in answers] == [401 if i % 5 == 0 else 200 if i % 3 else 404 for i in range(2000)]


def test_pipelined_bookings_that_wait_for_redis_are_answered_in_their_order(port, stack):
    show, key = stack.show(seats=20), f"Authorization: Bearer {stack.env['CLIENT_KEY']}\r\n".encode()

    def request(i):
        body = json.dumps({"user": "ayu", "show": show, "quantity": 1}).encode()
        return POST + key + b"X-Request-Id: b-%d\r\nContent-Length: %d\r\n\r\n" % (i, len(body)) + body
    answers = exchange(port, b"".join(request(i) + get("/healthz", f"X-Request-Id: g-{i}") for i in range(20)))
    assert [(answer.status, answer.headers["x-request-id"]) for answer in answers] == \
        [pair for i in range(20) for pair in ((202, f"b-{i}"), (200, f"g-{i}"))]
    stack.wait_drained()


def test_a_client_that_left_before_its_answer_has_booked_nevertheless(port, booking, stack):
    body, key = booking
    before = stack.redis.xlen("booking.requested")
    stack.signal("redis", signal.SIGSTOP)
    try:
        for how in (b"x", b""):
            with Wire(port) as wire:
                wire.send(POST + key + b"Content-Length: %d\r\n\r\n" % len(body) + body + how)
                wait_until(lambda: not unread_bytes(port), "the publisher has read it")
    finally:
        stack.signal("redis", signal.SIGCONT)
    wait_until(lambda: stack.redis.xlen("booking.requested") == before + 2, "both are taken")
    stack.wait_drained()


# ---- what else clients may ask for ----

def test_a_head_is_answered_like_a_get_without_the_body(port):
    head = b"HEAD /healthz HTTP/1.1\r\n" + HOST + b"\r\n"
    answers = exchange(port, head + get(), heads=[0])
    assert [answer.status for answer in answers] == [200, 200]
    assert answers[0].headers["content-length"] == answers[1].headers["content-length"] and not answers[0].body
    assert answers[1].headers["date"].endswith(" GMT")
    refused, = exchange(port, head.replace(HOST, HOST + b"Content-Length: 5\r\n") + NEXT, heads=[0])
    assert (refused.status, refused.body) == (400, b"")


def test_options_say_what_may_be_asked(port):
    answers = exchange(port, b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\nOPTIONS /bookings HTTP/1.1\r\n" + HOST + b"\r\n")
    assert [answer.status for answer in answers] == [204, 204]
    assert all("POST" in answer.headers["allow"] and "content-length" not in answer.headers for answer in answers)


def test_a_connection_is_kept_and_closed_as_each_version_has_it(port):
    old = b"GET /healthz HTTP/1.0\r\n\r\n"
    answers = closing_exchange(port, old + NEXT)
    assert [(answer.status, answer.headers["connection"]) for answer in answers] == [(200, "close")]
    with Wire(port) as wire:
        wire.send(b"GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").until(rb"\}")
        assert answers_in(wire.received)[0].headers["connection"] == "keep-alive"
        answers = answers_in(wire.send(get("/healthz", "Connection: close") + NEXT).until_closed())
    assert [answer.status for answer in answers] == [200, 200] and answers[1].headers["connection"] == "close"


def test_a_client_that_expects_to_be_told_to_go_on_is(port, booking, stack):
    body, key = booking
    head = POST + key + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body)
    with Wire(port) as wire:
        assert wire.send(head).until(rb"\r\n\r\n$").received == b"HTTP/1.1 100 Continue\r\n\r\n"
        wire.send(body).until(rb"\}$")
        assert answers_in(wire.received)[-1].status == 202
    assert [answer.status for answer in exchange(port, head + body)] == [202], "nobody waits any more: no 100"
    assert [answer.status for answer in closing_exchange(port, POST + b"Expect: 100-continue\r\nContent-Length: 2000000\r\n\r\n")] == [413]
    stack.wait_drained()


# ---- time, and much of everything ----

def drip(port, start, data, every_s):
    """Sends `start`, then a byte from time to time, until the server closes. (answers, seconds it took)."""
    began = time.monotonic()
    with Wire(port, timeout=every_s) as wire, contextlib.suppress(ConnectionError):
        wire.send(start)
        for i in range(1000):
            try:
                if not wire.receive():
                    break
            except socket.timeout:
                if i < len(data):
                    wire.send(data[i:i + 1])
    return answers_in(wire.received), time.monotonic() - began


def test_a_request_has_ten_seconds_however_it_drips_in(port):
    whole = get("/healthz", "X: " + "y" * 200)
    kinds = [(b"", whole), (b"GET / HTTP/1.1\r\n", b"X: y\r\n" * 50), (b"G", b""), (POST + b"Content-Length: 1000\r\n\r\n", b"x" * 500),
             (POST + b"Content-Length: 10\r\n\r\n", b""), (POST + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * 50),
             (POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n" * 50)]
    with concurrent.futures.ThreadPoolExecutor(len(kinds) * 2) as pool:
        results = list(pool.map(lambda kind: drip(port, *kind, 0.2), kinds * 2))
    for answers, took_s in results:
        assert [answer.status for answer in answers] == [408] and answers[0].problem()["code"] == "request_timeout"
        assert 9 < took_s < 13


def resident(stack):
    """Bytes of the publisher's memory."""
    with open(f"/proc/{stack.pid('publisher')}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def test_a_client_that_does_not_read_its_answers_is_cut_off_and_costs_little(port, stack):
    before, began, sent = resident(stack), time.monotonic(), 0
    with Wire(port, timeout=0.2) as wire:
        wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        requests = get("/metrics") * 1000
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            while time.monotonic() - began < 60:
                with contextlib.suppress(socket.timeout):
                    sent += wire.socket.send(requests)
                assert resident(stack) - before < 64 << 20
                assert exchange(port, get())[0].status == 200
    assert 8 < time.monotonic() - began < 20 and sent > 0


def test_a_server_out_of_descriptors_serves_again_once_it_has_some(port, stack):
    pid = stack.pid("publisher")
    limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (len(os.listdir(f"/proc/{pid}/fd")) + 20, limits[1]))
    try:
        with contextlib.ExitStack() as many:
            wires = [many.enter_context(Wire(port)) for _ in range(40)]
            wait_until(lambda: "cannot accept a connection" in stack.log("publisher"), "it has no descriptors left")
            assert answers_in(wires[0].send(get()).until(rb"\}").received)[0].status == 200
        wait_until(lambda: exchange(port, get())[0].status == 200, "it serves again")
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)


def test_many_connections_at_once_are_all_served(port):
    with contextlib.ExitStack() as many:
        wires = [many.enter_context(Wire(port)) for _ in range(500)]
        for wire in wires:
            wire.send(get())
        assert all(answers_in(wire.until(rb"\}").received)[0].status == 200 for wire in wires)


def test_connections_that_do_nothing_make_room_when_all_are_taken(port):
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limits[1], limits[1]))
    try:
        with contextlib.ExitStack() as many:
            for _ in range(8200):               # HTTP_CONNECTIONS_MAX and some more
                many.enter_context(Wire(port))
            assert exchange(port, get())[0].status == 200
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_a_server_that_is_told_to_stop_answers_what_it_has_and_closes_the_rest(stack, booking):
    port, (body, key) = stack.port("publisher"), booking
    with Wire(port) as idle, Wire(port) as waiting:
        idle.send(get()).until(rb"\}")
        stack.signal("redis", signal.SIGSTOP)
        try:
            waiting.send(POST + key + b"Content-Length: %d\r\n\r\n" % len(body) + body)
            wait_until(lambda: not unread_bytes(port), "the publisher has read it, and waits for Redis")
            ended = []
            ending = threading.Thread(target=lambda: ended.append(stack.terminate("publisher")))
            told = time.monotonic()
            ending.start()
            assert len(answers_in(idle.until_closed())) == 1
        finally:
            stack.signal("redis", signal.SIGCONT)
        is_late = time.monotonic() - told > 1   # who stops does not wait for Redis for more than 1.5 s (DRAIN_ANSWER_MS)
        answer, = answers_in(waiting.until_closed())
        ending.join()
    assert answer.status == 202 or is_late and answer.problem()["code"] == "broker_lost"
    assert answer.headers["connection"] == "close"
    assert ended[0][0] == 0 and ended[0][1] < 8
    stack.wait_ready("publisher")
    stack.wait_drained()
