"""Follows all streams from the beginning while the storm runs, and keeps every entry in a file: streams are trimmed, and FLUSHALL
empties them. It reads without a group, as anybody could."""
import json
import threading
import time

import redis

from journal import clip
from karcis import STREAMS

FOLLOWED = (*STREAMS, "dead")
PAGE = 2000


class Follower(threading.Thread):
    def __init__(self, stack, path, on_entry):
        super().__init__(name="follower", daemon=True)
        self.stack, self.on_entry, self.stopped = stack, on_entry, threading.Event()
        self.redis = redis.Redis(port=stack.port_base + 3, socket_timeout=3, decode_responses=True, encoding_errors="surrogateescape")
        self.last = dict.fromkeys(FOLLOWED, "0-0")
        self.file = open(path, "w", encoding="ascii")
        self.counts = dict.fromkeys(FOLLOWED, 0)

    def run(self):
        while not self.stopped.is_set():
            try:
                self.read(block=200)
            except (redis.RedisError, OSError):
                time.sleep(0.05)

    def read(self, block):
        """The next entries; how many there were."""
        pages = self.redis.xread(self.last, count=PAGE, block=block)
        seen = round(time.monotonic(), 4)
        for stream, entries in pages:
            for entry, fields in entries:
                kept = {clip(name): clip(value) for name, value in (fields or {}).items()}
                self.file.write(json.dumps([stream, entry, kept, seen], separators=(",", ":")) + "\n")
                self.on_entry(stream, kept)
            self.last[stream] = entries[-1][0]
            self.counts[stream] += len(entries)
        return sum(len(entries) for _, entries in pages)

    def finish(self):
        """Reads what is left, and ends."""
        self.stopped.set()
        self.join()
        while self.read(block=None):
            pass
        self.file.close()
