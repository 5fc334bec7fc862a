"""Examples for test_openapi.py: users, sessions and keys. Each succeeds, and fails in what ways can be brought about."""
from karcis import new_id
from openapi import ELSEWHERE, example

PASSWORD = "correct horse battery"


@example("addUser")
def add_user(world):
    email = f"{new_id()}@example.com"
    name = world.user(email=email, password=PASSWORD)
    world.user(email=None)
    world.call("addUser", status=409, body={"name": name})
    world.call("addUser", status=409, body={"name": f"user-{new_id()[:8]}", "email": email.upper()})


@example("listUsers")
def list_users(world):
    world.user(), world.user(email=f"{new_id()}@example.com")
    page = world.call("listUsers", status=200, query={"limit": 1}).body
    world.call("listUsers", status=200, query={"after": page["next"]}, key="client")
    world.call("listUsers", status=403, headers=world.session())
    world.call("listUsers", status=422, query={"limit": 0})


@example("getUser")
def get_user(world):
    name = world.user(email=f"{new_id()}@example.com")
    world.call("getUser", name, status=200)
    world.call("getUser", name, status=200, headers=world.session(name))
    world.call("getUser", name, status=403, headers=world.session())


def change(world, operation):
    name = world.user(password=PASSWORD)
    session = world.session(name, password=PASSWORD)
    email = f"{new_id()}@example.com"
    tag = world.call(operation, name, status=200, body={"email": email}, headers=session).headers["ETag"]
    world.call(operation, name, status=200, body={"password": PASSWORD + "!"}, headers={"If-Match": tag})
    world.call(operation, name, status=412, body={"email": None}, headers={"If-Match": tag})
    world.call(operation, name, status=400, body={"email": None}, headers={"If-Match": "1"})
    world.call(operation, world.user(), status=409, body={"email": email})
    world.call(operation, name, status=403, body={"email": None}, headers=world.session())
    world.call(operation, "nobody-of-this-name", status=404, body={"email": None}, content_type="application/merge-patch+json")


@example("changeUser")
def change_user(world):
    change(world, "changeUser")
    guest = world.session(name := f"user-{new_id()[:8]}")
    world.call("changeUser", name, status=403, body={"password": PASSWORD}, headers=guest)


@example("replaceUser")
def replace_user(world):
    change(world, "replaceUser")


@example("removeUser")
def remove_user(world):
    name = world.user(password=PASSWORD)
    world.call("removeUser", name, status=412, headers={"If-Match": '"7"'})
    world.call("removeUser", name, status=403, headers=world.session())
    world.call("removeUser", name, status=204, headers=world.session(name, password=PASSWORD))


@example("listUserBookings")
def list_user_bookings(world):
    show, name = world.show(), world.user()
    world.confirmed(show, "A2")
    for seat, status in (("A1", "CONFIRMED"), ("A2", "WAITLISTED"), ("A1", "REJECTED")):
        world.booked(show, status, seats=seat, user=name)
    page = world.call("listUserBookings", name, status=200, query={"limit": 1}).body
    world.call("listUserBookings", name, status=200, query={"after": page["next"]}, headers=world.session(name))
    assert world.call("listUserBookings", world.user(), status=200).body["items"] == []
    world.call("listUserBookings", name, status=403, headers=world.session())
    world.call("listUserBookings", name, status=422, query={"limit": 0})


@example("logIn")
def log_in(world):
    name = world.user(password=PASSWORD)
    world.session(name, password=PASSWORD)
    world.session()
    world.call("logIn", status=401, body={"name": name})
    world.call("logIn", status=403, body={"name": name, "password": PASSWORD}, headers=ELSEWHERE)
    name = f"user-{new_id()[:8]}"
    body = {"name": name, "password": "wrong password"}
    for _ in range(10):
        world.call("logIn", status=401, body=body)
    world.call("logIn", status=429, meanwhile=401, body=body)  # who is slow may try again


@example("getSession")
def get_session(world):
    world.call("getSession", status=200, headers=world.session())
    for role in ("gate", "client", "admin"):
        assert world.call("getSession", status=200, key=role).body["role"] == role
    world.call("getSession", status=401)


@example("logOut")
def log_out(world):
    session = world.session()
    assert world.call("logOut", status=204, headers=session).headers["Set-Cookie"]
    world.call("getSession", status=401, headers=session)
    world.call("logOut", status=204)


@example("addKey")
def add_key(world):
    for role in ("admin", "client", "gate"):
        made = world.call("addKey", status=201, body={"role": role, "name": f"{role} {new_id()}"}).body
    world.call("addKey", status=409, body={"role": "gate", "name": made["name"]})


@example("listKeys")
def list_keys(world):
    for _ in range(2):
        made = world.call("addKey", status=201, body={"role": "gate", "name": new_id()}).body
    world.call("revokeKey", made["id"], status=204)
    page = world.call("listKeys", status=200, query={"limit": 1}).body
    world.call("listKeys", status=200, query={"after": page["next"], "limit": 1000})
    world.call("listKeys", status=422, query={"limit": 0})


@example("revokeKey")
def revoke_key(world):
    made = world.call("addKey", status=201, body={"role": "client", "name": new_id()}).body
    world.call("revokeKey", made["id"], status=204)
    world.call("revokeKey", made["id"], status=404)
