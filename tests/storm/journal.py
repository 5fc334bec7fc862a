"""The storm's own memory: lines of JSON in a file to which they are only ever added, each with one write, before and after
everything that is done to the stack. What the stack says about itself is judged by it."""
import json
import os
import time

TEXT_KEPT = 400  # of a huge or ugly value


def wall_ms():
    return time.time() * 1000


def clip(value):
    """A value as the files keep it: the beginning of a huge one is enough."""
    return value if len(value) <= TEXT_KEPT else f"{value[:TEXT_KEPT]}… {len(value)} characters"


class Journal:
    def __init__(self, path):
        self.file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def write(self, **line):
        """Every line has both clocks: the monotonic one, and the one by which Redis makes its ids."""
        line.setdefault("t", round(time.monotonic(), 6))
        line.setdefault("ms", round(wall_ms(), 3))
        os.write(self.file, (json.dumps(line, separators=(",", ":")) + "\n").encode())

    def close(self):
        os.close(self.file)


def read_lines(path, beginning="", wanted=True):
    """The lines of a file that the storm wrote: those that begin so, or those that do not. One that was cut off is left out."""
    with open(path, encoding="ascii") as file:
        for line in file:
            if line.endswith("\n") and line.startswith(beginning) == wanted:
                yield json.loads(line)
