"""Listening to GET /live over plain sockets: one reader of our own, and thousands together."""
import json
import selectors
import socket
import time


class Listener:
    """One that reads what it is told."""

    def __init__(self, stack, query="", last=None, room=None):
        """room: bytes that the kernel takes for one who does not read."""
        self.socket = socket.socket()
        if room:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
        self.socket.settimeout(10)
        self.socket.connect(("127.0.0.1", stack.port("aggregator-1")))
        header = f"Last-Event-ID: {last}\r\n" if last else ""
        self.socket.sendall(f"GET /live{query} HTTP/1.1\r\nHost: x\r\n{header}\r\n".encode())
        self.bytes, self.text, self.events, self.last, self.comments = b"", "", [], last, 0
        head = self._until(b"\r\n\r\n")
        self.status = int(head.split()[1])
        self.head = head.decode().lower()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def _until(self, end):
        while end not in self.bytes:
            piece = self.socket.recv(65536)
            assert piece, f"closed after {self.bytes!r}"
            self.bytes += piece
        head, _, self.bytes = self.bytes.partition(end)
        return head

    def _read_chunk(self):
        """It is taken when all of it is there: a time-out in its middle loses nothing."""
        head = self._until(b"\r\n")
        size = int(head, 16)
        self.bytes = head + b"\r\n" + self.bytes
        end = len(head) + 2 + size
        while len(self.bytes) < end + 2:
            piece = self.socket.recv(65536)
            assert piece, "closed amid a chunk"
            self.bytes += piece
        self.text += self.bytes[len(head) + 2:end].decode()
        self.bytes = self.bytes[end + 2:]
        *blocks, self.text = self.text.split("\n\n")
        for block in blocks:
            self._take(block)

    def _take(self, block):
        lines = [line for line in block.split("\n") if not line.startswith(":")]
        self.comments += len(lines) != len(block.split("\n"))
        fields = dict(line.partition(": ")[::2] for line in lines)
        self.last = fields.get("id", self.last)
        if "data" in fields:
            self.events.append((fields["event"], json.loads(fields["data"])))

    def wait(self, condition, what, timeout=10):
        """Reads until condition() is true."""
        self.socket.settimeout(0.2)
        end = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < end, f"not within {timeout} s: {what}; told were {self.events}"
            try:
                self._read_chunk()
            except socket.timeout:
                pass
        return self

    def ready(self):
        """Told from where on it listens."""
        first = self.last
        return self.wait(lambda: self.last and (self.last != first or self.has("reset") or first), "it is told its place")

    def of(self, name):
        return [data for event, data in self.events if event == name]

    def has(self, name, **members):
        return any(members.items() <= data.items() for data in self.of(name))


class Crowd:
    """So many listeners, each a socket; what each was told is only searched for a word."""

    def __init__(self, stack, count, query=""):
        self.selector, self.sockets, self.tails = selectors.DefaultSelector(), [], {}
        for _ in range(count):
            one = socket.create_connection(("127.0.0.1", stack.port("aggregator-1")), timeout=10)
            one.sendall(f"GET /live{query} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            one.setblocking(False)
            self.sockets.append(one)
            self.tails[one] = b""
            self.selector.register(one, selectors.EVENT_READ)

    def close(self):
        for one in self.sockets:
            one.close()

    def heard(self, word, timeout=20):
        """[seconds until each heard the word]; those who did not are missing."""
        missing, took, began = set(self.sockets), [], time.monotonic()
        while missing and time.monotonic() < began + timeout:
            for key, _ in self.selector.select(0.1):
                piece = key.fileobj.recv(65536)
                text = self.tails[key.fileobj] + piece
                if word in text:
                    if key.fileobj in missing:
                        missing.discard(key.fileobj)
                        took.append(time.monotonic() - began)
                self.tails[key.fileobj] = text[-len(word):]
                if not piece:
                    self.selector.unregister(key.fileobj)
        return took
