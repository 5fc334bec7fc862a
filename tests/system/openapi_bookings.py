"""Examples for test_openapi.py: bookings, and what became of them. Each succeeds, and fails in what ways can be brought about."""
from karcis import new_id, wait_until
from openapi import example

LONG_AGO = "2020-01-01T00:00:00+07:00"


@example("requestBooking")
def request_booking(world):
    show = world.show()
    world.call("requestBooking", status=202, body={"user": "ayu", "show": show, "seats": ["A1"], "waitlist": "no", "payment": "link"})
    world.call("requestBooking", status=202, body={"user": "ayu", "show": show, "quantity": 1}, key="admin")
    session = world.session("budi")
    world.call("requestBooking", status=202, body={"show": show, "seat": "A1"}, headers=session)
    world.call("requestBooking", status=403, body={"user": "ayu", "show": show, "seat": "A1"}, headers=session)


@example("requestBooking")
def wait_for_booking(world):
    show, wait = world.show(), {"Prefer": "wait=9"}
    booked = world.call("requestBooking", status=201, body={"user": "ayu", "show": show, "seat": "A1"}, headers=wait).body
    world.call("getBooking", booked["booking_id"], status=200)
    for body, status in (({"user": "budi", "seat": "A1"}, "WAITLISTED"), ({"user": "ayu", "seat": "A1"}, "REJECTED")):
        answer = world.call("requestBooking", status=201, body={"show": show, **body}, headers=wait)
        assert answer.body["status"] == status
    with world.nobody_decides():
        answer = world.call("requestBooking", status=202, body={"user": "ayu", "show": show, "seat": "A2"}, headers={"Prefer": "wait=1"})
        assert answer.headers["Preference-Applied"] == "wait=1"


@example("requestBooking")
def repeat_booking(world):
    show, key = world.show(), {"Idempotency-Key": new_id()}
    body = {"user": "ayu", "show": show, "seat": "A1"}
    first = world.call("requestBooking", status=202, body=body, headers=key)
    again = world.call("requestBooking", status=202, body=body, headers=key)
    assert (first.headers["Idempotent-Replayed"], again.headers["Idempotent-Replayed"]) == (None, "true")
    assert world.call("requestBooking", status=422, body={**body, "seat": "A2"}, headers=key).body["code"] == "idempotency_key_reused"
    world.call("requestBooking", status=400, body=body, headers={"Idempotency-Key": "x" * 256})


@example("getBooking")
def get_booking(world):
    show = world.show()
    world.call("getBooking", world.confirmed(show, "A1"), status=200)
    for asked, status in (({"seats": "A1", "user": "budi"}, "WAITLISTED"), ({"seats": "A1"}, "REJECTED"),
                          ({"seats": "A2", "payment": "link"}, "AWAITING_PAYMENT")):
        booking = world.booked(show, status, **asked)
        assert world.call("getBooking", booking, status=200).body["status"] == status
    with world.nobody_decides():
        asked = world.call("requestBooking", status=202, body={"user": "ayu", "show": show, "seat": "A1"}).body["booking_id"]
        assert world.call("getBooking", asked, status=200).body["status"] == "REQUESTED"
        assert world.call("getBookingHistory", asked, status=200).body["status"] == "REQUESTED"


@example("getBookingHistory")
def get_booking_history(world):
    show = world.show()
    for booking in (world.confirmed(show, "A1"), world.booked(show, "WAITLISTED", seats="A1", user="budi")):
        wait_until(lambda: len(world.call("getBookingHistory", booking, status=200).body["items"]) > 1, "the log has its changes")
        assert world.call("getBookingHistory", booking, status=200, query={"as_of": LONG_AGO}).body["status"] is None
    world.call("getBookingHistory", booking, status=404, headers=world.session())
    world.call("getBookingHistory", booking, status=422, query={"as_of": "yesterday"})


@example("cancelBooking")
def cancel_booking(world):
    booking = world.confirmed(world.show(), "A1")
    world.call("cancelBooking", booking, status=202, body={"reason": "rain"}, headers={"traceparent": f"00-{'1' * 32}-{'2' * 16}-01"})
    world.call("cancelBooking", booking, status=202)
    world.call("cancelBooking", booking, status=404, headers=world.session())
    world.call("cancelBooking", "7", status=404)


@example("getInvoice")
def get_invoice(world):
    show = world.show()
    for booking in (world.confirmed(show, "A1"), world.booked(show, "AWAITING_PAYMENT", seats="A2", payment="link")):
        number = world.call("getBooking", booking, status=200).body["invoice_no"]
        world.call("getInvoice", number, status=200)
        world.call("getInvoice", number, status=404, headers=world.session())
