"""Examples for test_openapi.py: shows and seats, and the original shop's words for them. Each succeeds, and fails in what ways can be brought about."""
from karcis import new_id, wait_until
from openapi import PRICE, example

LONG_AGO = "2020-01-01T00:00:00+07:00"


@example("addShow")
def add_show(world):
    show = world.show(venue="Solo", starts_at="2030-01-05T19:30:00+07:00", organizer_url="http://organizer.example/")
    world.call("addShow", status=201, body={"title": "Standing", "price": PRICE, "capacity": 3})
    world.call("addShow", status=409, body={"id": show, "title": "T", "price": PRICE, "capacity": 1})


@example("listShows")
def list_shows(world):
    page = world.call("listShows", status=200, query={"limit": 1}).body
    world.call("listShows", status=200, query={"after": page["next"], "title": "a"})
    world.call("listShows", status=200, query={"page": 1, "pageSize": 1000})
    world.call("listShows", status=400, query={"page": 0})
    world.call("listShows", status=422, query={"limit": 0})


@example("getShow")
def get_show(world):
    world.call("getShow", "demo-standing", status=200)
    tag = world.call("getShow", "demo", status=200).headers["ETag"]
    world.call("getShow", "demo", status=304, headers={"If-None-Match": tag})


@example("replaceShow")
def replace_show(world):
    show = world.show()
    tag = world.call("replaceShow", show, status=200, body={"title": "New", "price": PRICE}).headers["ETag"]
    world.call("replaceShow", show, status=200, body={"title": "Newer", "price": PRICE, "seats": ["A2"]}, headers={"If-Match": tag})
    world.call("replaceShow", show, status=412, body={"title": "Newest", "price": PRICE}, headers={"If-Match": tag})
    world.call("replaceShow", show, status=409, body={"title": "Newest", "price": PRICE, "capacity": 1})
    world.call("replaceShow", "nothing", status=404, body={"title": "New", "price": PRICE})


@example("changeShow")
def change_show(world):
    show = world.show()
    tag = world.call("changeShow", show, status=200, body={"venue": None, "price": {"amount": 1}}).headers["ETag"]
    world.call("changeShow", show, status=200, body={"title": "New"}, headers={"If-Match": tag}, content_type="application/json")
    world.call("changeShow", show, status=412, body={"title": "Newer"}, headers={"If-Match": tag})
    world.call("changeShow", show, status=409, body={"capacity": 1})
    world.call("changeShow", "nothing", status=404, body={})


@example("removeShow")
def remove_show(world):
    show, used = world.show(), world.show()
    world.confirmed(used, "A1")
    world.call("removeShow", used, status=409)
    world.call("removeShow", show, status=412, headers={"If-Match": '"1"'})
    world.call("removeShow", show, status=400, headers={"If-Match": "1"})
    world.call("removeShow", show, status=204)


@example("listSeats")
def list_seats(world):
    show = world.show()
    world.confirmed(show, "A1")
    world.call("listSeats", show, status=200, query={"status": "BOOKED"})
    tag = world.call("listSeats", show, status=200).headers["ETag"]
    world.call("listSeats", show, status=304, headers={"If-None-Match": tag})
    world.call("listSeats", show, status=422, query={"status": "SOLD"})


@example("addSeats")
def add_seats(world):
    show = world.show()
    world.call("addSeats", show, status=201, body={"label": "B1", "price": PRICE})
    world.call("addSeats", show, status=201, body=[{"label": "B2", "price": None}, {"label": "B3"}])
    world.call("addSeats", show, status=409, body={"label": "B1"})
    world.call("addSeats", "nothing", status=404, body={"label": "B1"})


@example("getSeat")
def get_seat(world):
    tag = world.call("getSeat", "demo", "A1", status=200).headers["ETag"]
    world.call("getSeat", "demo", "A1", status=304, headers={"If-None-Match": tag})


@example("replaceSeat")
def replace_seat(world):
    show = world.show()
    tag = world.call("replaceSeat", show, "A1", status=200, body={"price": PRICE}).headers["ETag"]
    world.call("replaceSeat", show, "A1", status=200, body={"price": {"amount": 1, "currency": "IDR"}}, headers={"If-Match": tag})
    world.call("replaceSeat", show, "A1", status=412, body={"price": PRICE}, headers={"If-Match": tag})
    world.call("replaceSeat", show, "Z9", status=404, body={"price": PRICE})


@example("changeSeat")
def change_seat(world):
    show = world.show()
    tag = world.call("changeSeat", show, "A1", status=200, body={"price": {"amount": 1, "currency": "IDR"}}).headers["ETag"]
    world.call("changeSeat", show, "A1", status=200, body={"price": None}, headers={"If-Match": tag})
    world.call("changeSeat", show, "A1", status=412, body={}, headers={"If-Match": tag})
    world.call("changeSeat", show, "Z9", status=404, body={})


@example("removeSeat")
def remove_seat(world):
    show = world.show()
    world.confirmed(show, "A1")
    world.call("removeSeat", show, "A1", status=409)
    world.call("removeSeat", show, "A1", status=412, headers={"If-Match": '"1"'})
    world.call("removeSeat", show, "A2", status=204)


@example("getSeatHistory")
def get_seat_history(world):
    show = world.show()
    assert world.call("getSeatHistory", show, "A1", status=200).body["items"] == []
    world.confirmed(show, "A1")
    after = wait_until(lambda: world.call("getSeatHistory", show, "A1", status=200, query={"limit": 1}).body["next"], "it has changed twice")
    assert world.call("getSeatHistory", show, "A1", status=200, query={"after": after}).body["items"]
    assert world.call("getSeatHistory", show, "A1", status=200, query={"as_of": LONG_AGO}).body["status"] is None
    world.call("getSeatHistory", show, "A1", status=422, query={"as_of": "yesterday"})


@example("getWaitlist")
def get_waitlist(world):
    show = world.show()
    world.confirmed(show, "A1")
    for user in ("budi", "citra"):
        world.booked(show, "WAITLISTED", seats="A1", user=user)
    page = world.call("getWaitlist", show, status=200, query={"limit": 1}).body
    assert world.call("getWaitlist", show, status=200, query={"after": page["next"]}).body["items"][0]["user"] == "citra"
    assert world.call("getWaitlist", show, status=200, headers=world.session()).body["items"][0]["user"] is None
    world.call("getWaitlist", show, status=422, query={"after": "?"})


@example("listStages")
def list_stages(world):
    world.call("addShow", status=201, body={"title": "Bare", "price": PRICE, "capacity": 3})
    world.call("addShow", status=201, body={"title": "Full", "price": PRICE, "capacity": 3, "starts_at": "2030-01-05T19:30:00+07:00",
                                            "doors_at": "2030-01-05T18:30:00+07:00"})
    page = world.call("listStages", status=200, query={"limit": 1}).body
    world.call("listStages", status=200, query={"after": page["next"]})
    world.call("listStages", status=422, query={"limit": 0})


@example("buyTickets")
def buy_tickets(world):
    show = world.call("addShow", status=201, body={"title": "Standing", "price": PRICE, "capacity": 3}).body["id"]
    body, key = {"username": "ayu", "stage_id": show, "qty": 2}, {"Idempotency-Key": new_id()}
    for replayed in (None, "true"):
        assert world.call("buyTickets", status=200, body=body, headers=key).headers["Idempotent-Replayed"] == replayed
    world.call("buyTickets", status=422, body={**body, "qty": 1}, headers=key)
    world.call("buyTickets", status=400, body=body)
    world.call("buyTickets", status=400, body={})
    session = world.session()
    world.call("buyTickets", status=403, body=body, headers=session)
    world.call("buyTickets", status=200, body={"stage_id": show, "qty": 1}, headers=session)


@example("buyTickets")
def buy_tickets_and_wait_in_vain(world):
    show = world.call("addShow", status=201, body={"title": "Standing", "price": PRICE, "capacity": 3}).body["id"]
    with world.nobody_decides():
        world.call("buyTickets", status=202, body={"username": "ayu", "stage_id": show, "qty": 1})


@example("listMyTickets")
def list_my_tickets(world):
    name = world.user()
    assert world.call("listMyTickets", status=200, query={"username": name}).body == []
    world.booked(world.show(starts_at="2030-01-05T19:30:00+07:00"), "CONFIRMED", seats="A1,A2", user=name)
    assert len(world.call("listMyTickets", status=200, query={"username": name}, headers=world.session(name)).body) == 2
    world.call("listMyTickets", status=403, query={"username": name}, headers=world.session())
    world.call("listMyTickets", status=400)
