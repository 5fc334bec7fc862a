"""HTTP byte by byte: what a client that speaks its own HTTP sends, and what comes back on the wire."""
import json
import re
import socket
from typing import NamedTuple


class Answer(NamedTuple):
    status: int
    headers: dict
    body: bytes

    def problem(self):
        """The body as the problem document it has to be."""
        assert self.headers["content-type"] == "application/problem+json", self
        problem = json.loads(self.body)
        assert problem["status"] == self.status and problem["request_id"] == self.headers["x-request-id"], self
        return problem


def answers_in(received, heads=()):
    """All answers in these bytes, one behind the other; `heads` are the numbers of those to a HEAD."""
    answers = []
    while received:
        head, found, received = received.partition(b"\r\n\r\n")
        assert found, head
        line, *lines = head.decode("ascii").split("\r\n")
        status = int(re.fullmatch(r"HTTP/1\.1 (\d{3}) [A-Z][A-Za-z ]+", line).group(1))
        headers = dict(re.fullmatch(r"([A-Za-z-]+): (.*)", line).groups() for line in lines)
        headers = {name.lower(): value for name, value in headers.items()}
        assert len(headers) == len(lines), lines
        length = 0 if len(answers) in heads else int(headers.get("content-length", 0))
        assert len(received) >= length, (headers, received)
        answers.append(Answer(status, headers, received[:length]))
        received = received[length:]
    return answers


class Wire:
    """A connection. What it has received so far stays in `received`."""

    def __init__(self, port, timeout=20):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        self.received = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)
        return self

    def say_no_more(self):
        self.socket.shutdown(socket.SHUT_WR)
        return self

    def receive(self):
        """False: the server has closed."""
        data = self.socket.recv(1 << 16)
        self.received += data
        return bool(data)

    def until(self, pattern):
        while not re.search(pattern, self.received, re.S):
            assert self.receive(), f"closed before {pattern}: {self.received}"
        return self

    def until_closed(self):
        while self.receive():
            pass
        return self.received


def unread_bytes(port):
    """What has come to this port's connections and nobody has read (/proc/net/tcp: tx_queue:rx_queue)."""
    with open("/proc/net/tcp") as file:
        connections = [line.split() for line in file.readlines()[1:]]
    return sum(int(words[4].split(":")[1], 16) for words in connections if int(words[1].split(":")[1], 16) == port and words[3] == "01")


def exchange(port, data, **options):
    """Sends it all, says no more, and returns the answers until the server closes."""
    with Wire(port) as wire:
        return answers_in(wire.send(data).say_no_more().until_closed(), **options)


def closing_exchange(port, data):
    """Sends it all and waits for the server to close, which it must do by itself."""
    with Wire(port) as wire:
        return answers_in(wire.send(data).until_closed())
