"""What all requests under way hold together is bounded: above it what is large is refused, and what is small is served."""
import contextlib
import json
import re
import resource
import signal
import socket

import pytest

from karcis import new_id, wait_until
from wire import Wire, answers_in, closing_exchange, exchange, unread_bytes

MIB = 1 << 20
HELD_MAX = 128 * MIB    # HTTP_HELD_BYTES_MAX
HOST = b"Host: karcis\r\n"


def get(path):
    return b"GET " + path.encode() + b" HTTP/1.1\r\n" + HOST + b"\r\n"


def post(stack, path, body):
    key = f"Authorization: Bearer {stack.env['CLIENT_KEY']}\r\n".encode()
    return b"POST " + path.encode() + b" HTTP/1.1\r\n" + HOST + key + b"Content-Length: %d\r\n\r\n" % len(body) + body


def events(count, size):
    return json.dumps([{"id": new_id(), "topic": "large", "payload": {"x": "x" * size}} for _ in range(count)]).encode()


def booking(stack, **more):
    return json.dumps({"user": "ayu", "show": stack.show("A1"), "seats": ["A1"], **more}).encode()


def held(port):
    page = exchange(port, get("/metrics"))[0]
    assert page.status == 200
    return int(float(re.search(rb"^karcis_http_held_bytes (\S+)$", page.body, re.M).group(1)))


def resident(stack, name):
    with open(f"/proc/{stack.pid(name)}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def is_overloaded(answer):
    return (answer.status, answer.problem()["code"]) == (503, "overloaded") and 1 <= int(answer.headers["retry-after"]) <= 5


LENGTH = b"Content-Length: %d\r\n\r\n" % MIB + b"x" * (MIB - 1)
CHUNKS = b"Transfer-Encoding: chunked\r\n\r\n" + (b"10000\r\n" + b"x" * 0x10000 + b"\r\n") * 16


@pytest.mark.parametrize("body", [LENGTH, CHUNKS], ids=["length", "chunks"])
def test_many_megabytes_half_sent_are_refused_and_bookings_go_on_meanwhile(stack, tell, body):
    port, before = stack.port("publisher"), resident(stack, "publisher")
    large = events(4, 200_000)
    with contextlib.ExitStack() as many:
        wires = [many.enter_context(Wire(port)) for _ in range(600)]
        for wire in wires:
            wire.send(b"POST /publish HTTP/1.1\r\n" + HOST + body)

        seen = []
        wait_until(lambda: seen.append(held(port)) or len(seen) > 20 and len(set(seen[-20:])) == 1, "what was sent has been read")
        while not wires[-1].received:           # smaller ones fill what room is left
            wires.append(many.enter_context(Wire(port)))
            wires[-1].send(b"POST /publish HTTP/1.1\r\n" + HOST + b"Content-Length: 30000\r\n\r\n" + b"x" * 29_999)
            seen.append(held(port))
            assert max(seen) < HELD_MAX + MIB
            has_been_told(wires[-1])
        assert max(seen) > HELD_MAX - MIB
        assert exchange(port, get("/healthz"))[0].status == 200
        assert exchange(port, post(stack, "/bookings", booking(stack)))[0].status == 202, "what is small is taken"
        refused, = closing_exchange(port, post(stack, "/publish", large) + get("/smuggled"))
        assert is_overloaded(refused) and refused.headers["connection"] == "close"
        expecting = b"POST /publish HTTP/1.1\r\nExpect: 100-continue\r\n" + HOST + b"Content-Length: 900000\r\n\r\n"
        assert is_overloaded(closing_exchange(port, expecting)[0]), "nobody is told to go on"
        grown = resident(stack, "publisher") - before
        told = [wire for wire in wires if wire.received or has_been_told(wire)]
        assert all(is_overloaded(answers_in(wire.until_closed())[0]) for wire in told)
        assert 400 < len(told) < 570, "those that came first wait for their ends"
        assert grown < 512 * MIB
    wait_until(lambda: held(port) < MIB, "they are gone")
    assert exchange(port, post(stack, "/publish", large))[0].status == 202
    tell(f"600 MiB sent, {len(told)} refused; the publisher grew by {grown // MIB} MiB")
    stack.wait_drained()


def has_been_told(wire):
    wire.socket.setblocking(False)
    try:
        return wire.receive()
    except BlockingIOError:
        return False
    finally:
        wire.socket.settimeout(20)


def test_trees_of_bodies_that_wait_for_redis_count_too(stack):
    """A megabyte of numbers becomes a tree of twenty. Redis is held, which the publisher takes for gone after five seconds: before that
    others have filled half of the room, and all but the last byte of each body is there."""
    port = stack.port("publisher")
    numbers = booking(stack, numbers=[1] * 300_000)
    assert len(numbers) < MIB
    with contextlib.ExitStack() as many:
        wires = [many.enter_context(Wire(port)) for _ in range(20)]
        for wire in [many.enter_context(Wire(port)) for _ in range(20)]:
            wire.send(b"POST /publish HTTP/1.1\r\n" + HOST + LENGTH)
        for wire in wires:
            wire.send(post(stack, "/bookings", numbers)[:-1])
        wait_until(lambda: not unread_bytes(port), "all but the last bytes have been read")
        stack.signal("redis", signal.SIGSTOP)
        try:
            for wire in wires:
                wire.send(b"}")
            wait_until(lambda: HELD_MAX - 2 * MIB < held(port) < HELD_MAX + 32 * MIB, "as many trees as may be have grown", timeout=4)
        finally:
            stack.signal("redis", signal.SIGCONT)
        answers = [answers_in(wire.until(rb"\}$").received)[0] for wire in wires]
    taken = [answer for answer in answers if answer.status == 202]
    assert 3 <= len(taken) <= 20 and all(is_overloaded(answer) for answer in answers if answer not in taken)
    wait_until(lambda: held(port) < MIB, "all is given back")
    stack.wait_drained()


class SlowReader(Wire):
    """Reads as little as it must not to be cut off."""

    def __init__(self, port, data):
        super().__init__(port, timeout=30)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 17)
        self.send(data).until(rb"^HTTP/1.1 \d+ ")

    def is_refused(self):
        return self.received.startswith(b"HTTP/1.1 503")


def test_large_answers_that_are_read_slowly_are_bounded_and_small_ones_go_on_meanwhile(stack, tell):
    publisher, port = stack.port("publisher"), stack.port("aggregator-1")
    for _ in range(12):
        assert exchange(publisher, post(stack, "/publish", events(4, 200_000)))[0].status == 202
    stack.wait_drained()
    page, before = get("/events?topic=large&limit=1000"), resident(stack, "aggregator-1")
    with contextlib.ExitStack() as many:
        readers = [many.enter_context(SlowReader(port, page))]
        while not readers[-1].is_refused():
            assert len(readers) < 100, "never refused"
            for reader in readers:
                reader.receive()
            readers.append(many.enter_context(SlowReader(port, page)))
        assert is_overloaded(answers_in(readers[-1].until(rb"\}$").received)[0])
        assert HELD_MAX - 10 * MIB < held(port) <= HELD_MAX + MIB
        for path in ("/healthz", "/readyz", "/stats"):
            assert exchange(port, get(path))[0].status == 200
        grown = resident(stack, "aggregator-1") - before
        assert grown < 640 * MIB    # 256 of them are what AddressSanitizer keeps of freed memory
    wait_until(lambda: held(port) < MIB, "they are gone")
    with SlowReader(port, page) as reader:
        assert not reader.is_refused()
    tell(f"refused after {len(readers) - 1} pages of 8 MiB: the aggregator grew by {grown // MIB} MiB")
