"""Where Redis was made to lose entries, they may be gone before we have seen them, too. What is known of them otherwise is put in
their place: what clients were answered, and what the views say at the end."""
from history import LAST, Closing, Held, Request, entry_number


def put_in_place(history):
    for op in history.ops.values():
        if op["outcome"] == "accepted" and op["stream"] == "booking.requested" and op.get("dies_in") is None:
            add_request(history, op)
    for booking in history.all_bookings():
        booking.requests.sort(key=lambda request: request.entry)
        if booking.request and not booking.held:
            add_held(booking)
        if booking.request and not booking.closings:
            add_closing(history, booking)


def add_request(history, op):
    """One that was answered, and that we have not seen. Of a posted one the time of its answer is known."""
    booking_id = op["answer"] if op["via"] == "post" else op["fields"].get("booking_id", op["fields"]["user"])
    entry = int(op["ms"]) * 1_000_000 if op["via"] == "post" else entry_number(op["answer"])
    booking = history.booking(booking_id)
    is_seen = entry in history.entries["booking.requested"] if op["via"] == "xadd" else booking.requests
    if not is_seen and history.may_be_forgotten(entry):
        booking.requests.append(Request(entry, op["fields"]))


def add_held(booking):
    """What its ending says that it held, or its view."""
    view, asked = booking.view or {}, booking.request.fields
    ended = [closing for status, closing in booking.closings.items() if status != "rejected" and closing.seats]
    payment = asked.get("payment", "auto")
    amounts = [payment.amount for payment in booking.payments.values()] + [amount for _, amount in booking.invoices.values()]
    for closing in ended[:1]:
        if amounts:
            booking.held.append(Held(LAST, closing.show, closing.user, closing.seats, amounts[0], payment))
    if not booking.held and view.get("status") in ("HELD", "AWAITING_PAYMENT", "CONFIRMED"):
        booking.held.append(Held(LAST, view["show"], view["user"], tuple(sorted(view["seats"])), view["amount"]["amount"], payment))


def add_closing(history, booking):
    """An ending that nobody heard of but the log, or that shows in the view only: then it still has to be logged."""
    view = booking.view or {}
    status = (view.get("status") or "").lower()
    if ("booking.closed", f"{booking.id}:{status}") in history.logged:
        booking.closings[status] = Closing(LAST, view["show"], view["user"], tuple(sorted(view["seats"] or ())), view.get("reason"))
