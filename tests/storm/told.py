"""A small history for the checker's own tests, told line by line as a storm would have written it. All is well in it; tests spoil
one thing each."""
import json


class Told:
    """Lists of lines, and words to add to them. Time goes on by one second with each entry."""

    def __init__(self):
        self.journal, self.streams, self.outside, self.samples = [], [], [], []
        self.now, self.sent = 1_795_000_000, 0
        self.story()

    # ---- words ----

    def say(self, stream, /, **fields):
        self.now += 1
        entry = f"{self.now * 1000}-0"
        self.streams.append([stream, entry, fields, float(self.now)])
        return entry

    def show(self, show, labels=(), capacity=None, amount=1000):
        self.journal.append({"t": 0, "show": show, "labels": list(labels), "capacity": capacity or len(labels), "amount": amount})

    def send(self, kind, stream, fields, via="xadd", outcome="accepted", dies_in=None, booking=None):
        """An order, and what it was answered: its entry, and the booking's id if it was posted."""
        self.sent += 1
        tag = f"{kind}-{self.sent}/1"
        fields = {**fields, "op": tag}
        self.journal.append({"t": float(self.now), "ms": self.now * 1000 + 1000, "op": tag, "kind": kind, "via": via,
                             "stream": stream, "fields": fields, "dies_in": dies_in, "booking": booking})
        entry = self.say(stream, **fields) if outcome == "accepted" else None
        answer = entry if via == "xadd" else fields.get("booking_id")
        self.journal.append({"t": float(self.now), "op": tag, "outcome": outcome, "answer": answer})
        return entry

    def book(self, booking, show, seats=None, quantity=None, user="ayu", waitlist="no", payment="auto", via="xadd"):
        fields = {"booking_id": booking, "user": user, "show": show, "waitlist": waitlist, "payment": payment}
        fields.update({"seats": seats} if seats else {"quantity": str(quantity)})
        return self.send("book", "booking.requested", fields, via=via)

    def hold(self, booking, show, seats, amount, user="ayu", payment="auto"):
        self.say("seat.held", booking_id=booking, event_id=f"{booking}:held", source="hold", show=show, user=user, seats=seats,
                 amount=str(amount), payment=payment)
        self.say("invoice.created", booking_id=booking, event_id=f"{booking}:invoiced", source="invoice", invoice_no=f"INV-{booking}",
                 amount=str(amount), payment=payment)

    def pay(self, booking, show, seats, amount, status="succeeded", user="ayu"):
        self.say("payment.done", booking_id=booking, event_id=f"{booking}:paid", source="charge", invoice_no=f"INV-{booking}",
                 payment_id=f"PAY-{booking}", status=status, amount=str(amount))
        self.close(booking, show, seats, "confirmed" if status == "succeeded" else "failed", user=user)

    def close(self, booking, show, seats, status, reason=None, user="ayu", source="settle"):
        self.say("booking.closed", booking_id=booking, event_id=f"{booking}:{status}", source=source, show=show, user=user,
                 seats=seats, status=status, **({"reason": reason} if reason else {}))

    def die(self, entry, step, reason, stream="booking.requested"):
        self.say("dead", stream=stream, entry_id=entry, step=step, reason=reason)

    # ---- the story ----

    def story(self):
        self.show("hall", ("A1", "A2", "A3", "A4"))
        self.show("van", capacity=3)
        self.book("b1", "hall", "A1,A2")
        self.hold("b1", "hall", "A1,A2", 2000)
        self.book("b2", "hall", "A2", user="budi", via="post")
        self.close("b2", "hall", "A2", "rejected", "seat_taken", user="budi", source="hold")
        self.pay("b1", "hall", "A1,A2", 2000, "failed")
        self.book("b3", "hall", "A2")
        self.hold("b3", "hall", "A2", 1000)
        self.book("b4", "hall", "A2", user="citra", waitlist="yes")
        self.pay("b3", "hall", "A2", 1000)
        self.book("own", "hall", "A2,A4", waitlist="yes")
        self.close("own", "hall", "A2,A4", "rejected", "already_yours", source="hold")
        self.book("b3", "hall", "A2")
        self.die(self.book("b3", "hall", "A2", user="thief"), "hold", "booking_id_reused")
        self.book("b5", "van", quantity=2, payment="link")
        self.hold("b5", "van", "1,2", 2000, payment="link")
        self.book("b6", "van", quantity=2)
        self.close("b6", "van", "", "rejected", "not_enough_seats", source="hold")
        self.send("pay", "payment.requested", {"invoice_no": "INV-b5"}, booking="b5")
        self.pay("b5", "van", "1,2", 2000)
        self.book("b7", "van", quantity=1, payment="link")
        self.hold("b7", "van", "3", 1000, payment="link")
        self.book("b8", "nowhere", "A1")
        self.close("b8", "nowhere", "A1", "rejected", "unknown_show", source="hold")
        self.die(self.send("garbage", "booking.requested", {"user": "a b"}, dies_in=["hold"]), "hold", "invalid_field")
        self.event("e1")
        self.event("e1")
        self.journal.append({"t": 0, "read": "hall", "since_ms": self.now * 1000, "until_ms": self.now * 1000 + 5,
                             "owned": {"A2": ["BOOKED", "b3"]}})
        self.send("probe", "booking.requested", {"booking_id": "b9", "user": "ayu", "show": "hall", "seats": "A3", "payment": "auto"})
        self.hold("b9", "hall", "A3", 1000)
        self.pay("b9", "hall", "A3", 1000)
        self.at_rest()

    def event(self, event_id):
        self.send("event", "events", {"topic": "lamp.on", "event_id": event_id, "payload": "{}"})

    def at_rest(self):
        """What the outside shows of all this."""
        self.outside.append({"show": "hall", "seats": {"A1": ["OPEN", None], "A2": ["BOOKED", "b3"], "A3": ["BOOKED", "b9"],
                                                       "A4": ["OPEN", None]}})
        self.outside.append({"show": "van", "seats": {"1": ["BOOKED", "b5"], "2": ["BOOKED", "b5"], "3": ["ON_GOING", "b7"]}})
        for booking, status in {"b1": "FAILED", "b2": "REJECTED", "b3": "CONFIRMED", "b4": "WAITLISTED", "b5": "CONFIRMED",
                                "b6": "REJECTED", "b7": "AWAITING_PAYMENT", "b8": "REJECTED", "b9": "CONFIRMED",
                                "own": "REJECTED"}.items():
            self.outside.append({"booking": booking, "http": 200, "shown": {"status": status}})
        logged, total = {}, 0
        for stream, entry, fields, _ in self.streams:
            if stream != "dead":
                total += 1
                logged.setdefault((fields.get("topic", stream), fields.get("event_id", entry)), (stream, entry))
        for (topic, event_id), (stream, entry) in logged.items():
            self.outside.append({"event": [topic, event_id, stream, entry]})
        stats = {"received": total, "unique_processed": len(logged), "duplicate_dropped": total - len(logged), "rejected": 0,
                 "bookings": {"CONFIRMED": 3, "REJECTED": 4, "FAILED": 1, "WAITLISTED": 1, "AWAITING_PAYMENT": 1}}
        self.outside += [{"stats": dict(stats), "of": "aggregator-1"}, {"stats": dict(stats), "of": "aggregator-2"}]

    def write(self, folder):
        for name, lines in (("journal", self.journal), ("streams", self.streams), ("outside", self.outside), ("samples", self.samples)):
            with open(f"{folder}/{name}.jsonl", "w", encoding="ascii") as file:
                file.writelines(json.dumps(line) + "\n" for line in lines)

    # ---- ways to spoil it ----

    def entry_of(self, stream, booking, n=0):
        """The n-th entry about a booking on a stream: [stream, id, fields, seen]."""
        return [line for line in self.streams if line[0] == stream and line[2].get("booking_id") == booking][n]

    def drop(self, stream, booking, n=0):
        """It was never said, and is not in the log, whose numbers agree."""
        gone = self.entry_of(stream, booking, n)
        self.streams.remove(gone)
        self.outside[:] = [line for line in self.outside if line.get("event", [None] * 4)[3] != gone[1]]
        for line in self.outside:
            if "stats" in line:
                line["stats"]["received"] -= 1
                line["stats"]["unique_processed"] -= 1

    def view(self, **wanted):
        """The line of the outside that has these members."""
        return next(line for line in self.outside if all(line.get(name) == value for name, value in wanted.items()))

    def stats(self):
        return [line["stats"] for line in self.outside if "stats" in line]

    def insert(self, after, stream, /, **fields):
        """Says something right behind an entry, in time too; the log knows it."""
        ms, seq = after[1].split("-")
        line = [stream, f"{ms}-{int(seq) + 1}", fields, after[3]]
        self.streams.insert(self.streams.index(after) + 1, line)
        self.outside.append({"event": [stream, fields.get("event_id", line[1]), stream, line[1]]})
        for stats in self.stats():
            stats["received"] += 1
            stats["unique_processed"] += 1
        return line
