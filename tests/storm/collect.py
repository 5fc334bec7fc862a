"""What the outside can see when everything is at rest, written to a file, so that it can be judged again later."""
import http.client
import json
import random
import time
from concurrent.futures import ThreadPoolExecutor

SETTLED_S = 3  # nothing has come for so long: the re-drive looks every second whether it has something to say (common/bounds.h)
SETTLE_S = 300
BOOKINGS_SHOWN_MAX = 30_000  # those of which no ending was said, and a sample of the rest


class Views:
    """Reads over kept connections; at rest, everything must answer."""

    def __init__(self, stack, name="aggregator-1"):
        self.connection = http.client.HTTPConnection("127.0.0.1", stack.port(name), timeout=60)

    def get(self, path):
        for last in (False, True):
            try:
                self.connection.request("GET", path)
                answer = self.connection.getresponse()
                return answer.status, json.loads(answer.read())
            except (http.client.HTTPException, OSError):  # a kept connection may have been closed
                self.connection.close()
                if last:
                    raise

    def pages(self, path):
        """All items of a list."""
        after, sign = "", "&" if "?" in path else "?"
        while after is not None:
            status, page = self.get(f"{path}{sign}limit=1000{'&after=' + after if after else ''}")
            assert status == 200, (path, status, page)
            yield from page["items"]
            after = page["next"]


def bookings_to_show(closed, known, seed):
    """All without an ending, and some with one."""
    silent = sorted(known - closed)
    rest = sorted(known & closed)
    room = max(1000, BOOKINGS_SHOWN_MAX - len(silent))
    return silent + (random.Random(seed).sample(rest, room) if len(rest) > room else rest)


def read_stats(stack, losses):
    """[(aggregator, its /stats)]. At rest nothing comes any more, but after losses: what Redis forgot is said again at a bounded
    rate, also when nothing is unread. Then they are read when nothing has come for a while, or, if that does not happen, at last."""
    before, deadline = None, time.monotonic() + SETTLE_S
    while True:
        stats = [(name, Views(stack, name).get("/stats")[1]) for name in stack.workers("aggregator")]
        if not losses:
            return stats
        received = {said["received"] for _, said in stats}
        if received == before and len(received) == 1 or time.monotonic() > deadline:
            return stats
        before = received
        time.sleep(SETTLED_S)


def collect(stack, path, shows, known, closed, seed, losses):
    """known: bookings that were asked for; closed: those of which an ending was said; losses: whether Redis may have lost entries."""
    views = Views(stack)

    def show_booking(chunk):
        own = Views(stack)
        return [(booking, *own.get(f"/bookings/{booking}")) for booking in chunk]

    with open(path, "w", encoding="ascii") as file:
        def write(**line):
            file.write(json.dumps(line, separators=(",", ":")) + "\n")

        for name, stats in read_stats(stack, losses):
            write(stats=stats, of=name)
        for topic in sorted(views.get("/stats")[1]["topics"]):
            for event in views.pages(f"/events?topic={topic}"):
                write(event=[event["topic"], event["event_id"], event["stream"], event["entry_id"]])
        for letter in views.pages("/dead-letters"):
            write(dead=[letter["stream"], letter["entry_id"], letter["step"], letter["reason"]])
        for show in shows:
            seats = {seat["label"]: [seat["status"], seat["booking_id"]] for seat in views.pages(f"/shows/{show}/seats")}
            write(show=show, seats=seats)
        wanted = bookings_to_show(closed, known, seed)
        chunks = [wanted[i:i + 500] for i in range(0, len(wanted), 500)]
        with ThreadPoolExecutor(3) as pool:
            for chunk in pool.map(show_booking, chunks):
                for booking, status, shown in chunk:
                    kept = {name: shown.get(name) for name in ("status", "reason", "seats", "user", "show", "invoice_no", "amount")}
                    write(booking=booking, http=status, shown=kept if status == 200 else None)
