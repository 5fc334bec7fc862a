"""Looks at the stack from outside while the storm runs: probes (bookings sent four times a second) that show when it serves again,
the age of the oldest entry that a step has not settled, memory and descriptors of our programs, and what their logs say."""
import json
import os
import threading
import time
from collections import Counter

import redis

from karcis import ENDED, GROUPS, SHAME
from orders import Show, show_body

PROBE_S = 0.25
SAMPLE_S = 0.25
RESOURCES_S = 2.0

# How old the oldest entry is that some step has not acknowledged: {group: ms}. One look, by Redis's own clock.
AGES_SCRIPT = """
local now, ages = redis.call('TIME'), {}
now = now[1] * 1000 + math.floor(now[2] / 1000)
for _, key in ipairs(KEYS) do
  if redis.call('EXISTS', key) == 1 then
    for _, group in ipairs(redis.call('XINFO', 'GROUPS', key)) do
      local is = {}
      for i = 1, #group, 2 do is[group[i]] = group[i + 1] end
      local first = redis.call('XPENDING', key, is['name'])[2]
      if not first then
        local unread = redis.call('XRANGE', key, '(' .. is['last-delivered-id'], '+', 'COUNT', 1)[1]
        first = unread and unread[1]
      end
      ages[#ages + 1] = {key .. '/' .. is['name'], first and now - tonumber(first:match('^%d+')) or 0}
    end
  end
end
return ages
"""


class Prober(threading.Thread):
    """Bookings of a show that never sells out, in turn by XADD and by POST: both doors must lead somewhere."""

    def __init__(self, storm, seconds):
        super().__init__(name="prober", daemon=True)
        self.storm, self.wire = storm, storm.make_wire()
        self.show = Show(f"probe-{storm.seed}", (), int(seconds / PROBE_S) + 1000, 1000)
        self.sent, self.stopped = set(), threading.Event()

    def body(self):
        return show_body(self.show)

    def run(self):
        n = 0
        while not self.stopped.wait(PROBE_S):
            n += 1
            fields = {"booking_id": f"5707{n:04x}-0000-4000-8000-{self.storm.seed % 16**12:012x}", "user": "probe", "show": self.show.id,
                      "quantity": "1", "waitlist": "no", "payment": "auto", "op": f"probe-{n}"}
            via = "post" if n % 2 else "xadd"
            self.sent.add(fields["booking_id"])
            self.storm.journal.write(op=f"probe-{n}/1", kind="probe", via=via, stream="booking.requested", fields=fields)
            outcome, answer = self.wire.post_booking(fields) if via == "post" else self.wire.xadd("booking.requested", fields)
            self.storm.journal.write(op=f"probe-{n}/1", outcome=outcome, answer=answer)
            self.storm.count("probe", via, outcome)


class Sampler(threading.Thread):
    """Ages of backlogs, and what our programs use."""

    def __init__(self, stack, path):
        super().__init__(name="sampler", daemon=True)
        self.stack, self.stopped = stack, threading.Event()
        self.redis = redis.Redis(port=stack.port_base + 3, socket_timeout=2, decode_responses=True)
        self.file = open(path, "w", encoding="ascii")
        self.age_ms, self.ages = None, {}

    def run(self):
        next_resources = 0
        while not self.stopped.wait(SAMPLE_S):
            line = {"t": time.monotonic(), **self.look()}
            if line["t"] >= next_resources:
                line["used"] = self.resources()
                next_resources = line["t"] + RESOURCES_S
            self.file.write(json.dumps(line) + "\n")
        self.file.close()

    def look(self):
        """The greatest age, and whose; None while Redis does not answer or a group is missing."""
        try:
            self.ages = dict(self.redis.eval(AGES_SCRIPT, len(GROUPS), *GROUPS))
        except (redis.RedisError, OSError):
            self.ages = {}
        missing = [f"{stream}/{step}" for stream, steps in GROUPS.items() for step in steps if f"{stream}/{step}" not in self.ages]
        whose = missing[0] if missing else max(self.ages, key=self.ages.get)
        self.age_ms = None if missing else self.ages[whose]
        return {"age_ms": self.age_ms, "whose": whose}

    def resources(self):
        used = {}
        for name in self.stack.names():
            pid = self.stack.pid(name)
            try:
                with open(f"/proc/{pid}/statm", encoding="ascii") as file:
                    used[name] = [pid, int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE"), len(os.listdir(f"/proc/{pid}/fd"))]
            except (OSError, IndexError):
                continue
        return used


class LogWatch:
    """What programs' logs say that nobody asked for. Logs are long and are begun anew: each is read once, a piece at a time."""

    def __init__(self, stack, losses):
        self.stack, self.at, self.found, self.ends, self.warnings = stack, {}, [], Counter(), Counter()
        self.losses = losses

    def look(self):
        for name in self.stack.names():
            for path in (f"{self.stack.run_dir}/logs/{name}.log.old", f"{self.stack.run_dir}/logs/{name}.log"):
                try:
                    self.read(name, path)
                except FileNotFoundError:
                    continue

    def read(self, name, path):
        with open(path, "rb") as file:
            key = os.fstat(file.fileno()).st_ino
            file.seek(self.at.get(key, 0))
            text = file.read()
            whole = text[:text.rfind(b"\n") + 1]
            self.at[key] = self.at.get(key, 0) + len(whole)
        lines = whole.decode(errors="replace").splitlines()
        for i, line in enumerate(lines):
            if SHAME.search(line):
                self.found.append("\n".join([f"{name}:", *lines[i:i + 12]]))
            if 'why="waited too long"' in line and not self.losses:
                self.found.append(f"{name} had to mend what Redis did not lose: {line}")
            if "level=error" in line or "level=fatal" in line:
                self.warnings[f"{name.rstrip('-0123456789')}: {line.split('event=', 1)[-1][:60]}"] += 1
            ended = ENDED.search(line)
            if ended:
                self.ends[name, int(ended.group(1))] += 1

    def misdeeds(self):
        """Reports of sanitizers, and deaths that were not asked for."""
        self.look()
        unasked = self.ends - self.stack.expected_ends
        return self.found + [f"{name} ended {count} times with status {status}, unasked" for (name, status), count in unasked.items()]
