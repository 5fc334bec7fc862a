"""Users are made, read, changed and removed, by a shop's key or by themselves; and they log in and out."""
import threading
import time

import pytest

from asking import Caller, admin, client, nobody
from karcis import Stack, new_id, wait_until

PASSWORD = "correct horse battery"


def new_name():
    return f"user-{new_id()[:8]}"


def make_user(stack, name=None, **members):
    name = name or new_name()
    answer = client(stack).post("/users", {"name": name, **members})
    assert answer.status == 201, answer
    return name


def log_in(stack, name, password=PASSWORD, **headers):
    caller = Caller(stack, **headers)
    answer = caller.post("/sessions", {"name": name, **({"password": password} if password else {})})
    assert answer.status == 201, answer
    return caller


@pytest.fixture(scope="module")
def private():
    """A stack as one would run it for real: no guests, and nothing that is somebody's shown to everybody."""
    stack = Stack.start(GUEST_SESSIONS="no", OPEN_READS="no")
    yield stack
    stack.end()


# ---- users ----

def test_a_user_is_made_and_found_and_nothing_says_the_password(stack):
    name, email = new_name(), f"{new_name()}@example.com"
    made = client(stack).post("/users", {"name": name, "email": email, "password": PASSWORD})
    assert (made.status, made.headers["Location"], made.headers["ETag"]) == (201, f"/users/{name}", '"1"')
    assert (made.json["name"], made.json["email"], made.json["is_guest"]) == (name, email, False)
    found = nobody(stack).get(f"/users/{name}")
    assert (found.status, found.json, found.headers["ETag"]) == (200, made.json, '"1"')
    (kept,) = stack.rows("SELECT hash FROM access.passwords WHERE user_name = %s", name)
    assert kept[0].startswith("$argon2id$v=19$m=65536,t=2,p=1$")
    for answer in (made, found, nobody(stack).get("/users?limit=1000")):
        assert PASSWORD.encode() not in answer.body and b"argon2" not in answer.body


def test_a_name_and_an_email_belong_to_one_user(stack):
    email = f"{new_name()}@example.com"
    name = make_user(stack, email=email)
    assert client(stack).post("/users", {"name": name}).json["code"] == "user_exists"
    taken = client(stack).post("/users", {"name": new_name(), "email": email.upper()})
    assert (taken.status, taken.json["code"]) == (409, "email_taken")
    other = make_user(stack)
    assert client(stack).patch(f"/users/{other}", {"email": email.title()}).status == 409
    assert nobody(stack).get(f"/users/{other}").json["email"] is None


@pytest.mark.parametrize("body", [
    {}, {"name": ""}, {"name": "a b"}, {"name": "x" * 65}, {"name": 1}, {"name": "x", "email": "x"}, {"name": "x", "email": "a@b@c"},
    {"name": "x", "email": "@b"}, {"name": "x", "email": "a@"}, {"name": "x", "email": "a b@c"}, {"name": "x", "email": "a\r\n@c"},
    {"name": "x", "email": "a" * 250 + "@b.cd"}, {"name": "x", "password": "short"}, {"name": "x", "password": "x" * 201},
    {"name": "x", "password": 12345678}, {"name": "x", "password": ""},
])
def test_a_user_that_makes_no_sense_is_refused(stack, body):
    assert client(stack).post("/users", body).status == 422


def test_username_is_another_word_for_name(stack):
    name = new_name()
    made = client(stack).post("/users", {"username": name, "password": PASSWORD})
    assert (made.status, made.json["name"]) == (201, name)
    for body in ({"username": name}, {"name": name}, {"name": name, "username": name}):
        begun = Caller(stack).post("/sessions", {**body, "password": PASSWORD})
        assert (begun.status, begun.json["name"]) == (201, name), body
    assert client(stack).patch(f"/users/{name}", {"username": name, "email": f"{name}@example.com"}).status == 200
    refused = client(stack).patch(f"/users/{name}", {"username": "another"})
    assert (refused.status, refused.json["errors"][0]["pointer"]) == (422, "/username")


@pytest.mark.parametrize("path", ["/users", "/sessions"])
@pytest.mark.parametrize("body, pointer", [
    ({}, "/name"), ({"name": "x-y", "username": "x-z"}, "/username"), ({"username": "a b"}, "/username"), ({"username": 1}, "/username"),
])
def test_two_names_or_none_are_refused(stack, path, body, pointer):
    refused = client(stack).post(path, {**body, "password": PASSWORD})
    assert (refused.status, [error["pointer"] for error in refused.json["errors"]]) == (422, [pointer])


@pytest.mark.parametrize("name", [".", ".."])
@pytest.mark.parametrize("path, word", [("/users", "name"), ("/users", "username"), ("/sessions", "name")])
def test_a_user_is_not_given_a_name_that_no_path_can_have(stack, path, word, name):
    """A session may make a guest of that name."""
    refused = client(stack).post(path, {word: name})
    assert (refused.status, [error["pointer"] for error in refused.json["errors"]]) == (422, [f"/{word}"])
    assert stack.rows("SELECT FROM ticketing.users WHERE name = %s", name) == []


def test_only_who_has_a_key_makes_users(stack):
    assert nobody(stack).post("/users", {"name": new_name()}).status == 401
    assert log_in(stack, make_user(stack, password=PASSWORD)).post("/users", {"name": new_name()}).status == 403


def test_users_are_listed_once_each_over_all_pages(stack):
    made = {make_user(stack) for _ in range(5)}
    found, after = [], ""
    while after is not None:
        page = nobody(stack).get(f"/users?limit=2{after and '&after=' + after}").json
        found, after = found + [user["name"] for user in page["items"]], page["next"]
    assert found == sorted(set(found)) and made <= set(found)
    assert nobody(stack).get("/users/nobody-of-this-name").status == 404


def test_a_user_is_changed_in_part_and_only_as_it_was_read(stack):
    name = make_user(stack, email=f"{new_name()}@example.com", password=PASSWORD)
    email = f"{new_name()}@example.com"
    changed = client(stack).patch(f"/users/{name}", {"email": email}, If_Match='"1"')
    assert (changed.status, changed.headers["ETag"], changed.json["email"]) == (200, '"2"', email)
    assert client(stack).patch(f"/users/{name}", {"email": None}, If_Match='"1"').status == 412
    assert client(stack).patch(f"/users/{name}", {"name": "another"}).status == 422
    assert client(stack).patch(f"/users/{name}", {"password": PASSWORD + "!"}).json["email"] == email
    log_in(stack, name, PASSWORD + "!")
    assert client(stack).ask("publisher", "PUT", f"/users/{name}", {"email": None}).json["email"] is None
    log_in(stack, name, PASSWORD + "!")
    assert client(stack).patch("/users/nobody-of-this-name", {"email": email}).status == 404


def test_a_user_is_removed_once_and_the_bookings_stay(stack):
    name = make_user(stack, password=PASSWORD)
    session = log_in(stack, name)
    booking = client(stack).post("/bookings", {"user": name, "show": stack.show("A1"), "seats": ["A1"]}).json["booking_id"]
    stack.wait_for(booking, "CONFIRMED")
    assert client(stack).delete(f"/users/{name}", If_Match='"7"').status == 412
    assert [client(stack).delete(f"/users/{name}").status for _ in range(2)] == [204, 404]
    assert nobody(stack).get(f"/users/{name}").status == 404
    assert nobody(stack).get(f"/bookings/{booking}").json["user"] == name
    assert session.ask("publisher", "GET", "/sessions").status == 401
    assert stack.one("SELECT count(*) FROM access.passwords WHERE user_name = %s", name) == 0


def test_users_outlive_restarts(own_stack):
    stack = own_stack()
    name = make_user(stack, password=PASSWORD)
    session = log_in(stack, name)
    for program in ("postgres", "publisher", "aggregator-1"):
        stack.command("restart", program)
    stack.wait_ready("publisher", "aggregator-1")
    wait_until(lambda: nobody(stack).get(f"/users/{name}").status == 200, "the user is there")
    wait_until(lambda: session.ask("publisher", "GET", "/sessions").status == 200, "the session is there")
    log_in(stack, name)


# ---- sessions ----

def test_a_session_is_a_cookie_that_scripts_and_other_sites_do_not_get(stack):
    name = make_user(stack, password=PASSWORD)
    caller = Caller(stack)
    answer = caller.post("/sessions", {"name": name, "password": PASSWORD})
    assert answer.status == 201 and answer.json["name"] == name
    parts = answer.headers["Set-Cookie"].split("; ")
    assert {"Path=/", "HttpOnly", "SameSite=Lax"} <= set(parts) and "Secure" not in parts
    assert len(caller.cookie) == 43 and caller.cookie not in answer.body.decode()
    assert stack.one("SELECT count(*) FROM access.sessions WHERE token_hash = %s", caller.cookie) == 0
    assert caller.ask("publisher", "GET", "/sessions").json == {"role": "user", "name": name}
    assert nobody(stack).ask("publisher", "GET", "/sessions").status == 401


def test_a_wrong_name_and_a_wrong_password_are_answered_alike(private):
    name, unknown = make_user(private, password=PASSWORD), new_name()
    without = make_user(private)
    answers = [nobody(private).post("/sessions", {"name": who, "password": "wrong password"}) for who in (name, unknown, without)]
    answers += [nobody(private).post("/sessions", {"name": who}) for who in (name, unknown, without)]
    assert {(answer.status, answer.json["code"], answer.json["detail"]) for answer in answers} == {
        (401, "wrong_login", "the name or the password is wrong")}
    assert not any(answer.headers["Set-Cookie"] for answer in answers)
    assert private.one("SELECT count(*) FROM ticketing.users WHERE name = %s", unknown) == 0


def test_logging_out_ends_the_session_at_once_and_twice_is_once(stack):
    name = make_user(stack, password=PASSWORD)
    caller, other = log_in(stack, name), log_in(stack, name)
    stolen = Caller(stack, cookie=caller.cookie)
    assert stolen.ask("publisher", "GET", "/sessions").status == 200
    answer = caller.delete("/sessions")
    assert (answer.status, caller.cookie) == (204, None)
    assert stolen.ask("publisher", "GET", "/sessions").status == 401
    assert stolen.delete("/sessions").status == 204 and nobody(stack).delete("/sessions").status == 204
    assert other.ask("publisher", "GET", "/sessions").status == 200


def test_a_new_password_ends_all_sessions(stack):
    name = make_user(stack, password=PASSWORD)
    callers = [log_in(stack, name) for _ in range(2)]
    assert callers[0].patch(f"/users/{name}", {"password": "another password"}).status == 200
    assert [caller.ask("publisher", "GET", "/sessions").status for caller in callers] == [401, 401]
    assert nobody(stack).post("/sessions", {"name": name, "password": PASSWORD}).status == 401
    log_in(stack, name, "another password")


def test_an_ended_session_opens_nothing_and_an_old_one_ends(stack):
    name = make_user(stack, password=PASSWORD)
    caller = log_in(stack, name)
    stack.rows("UPDATE access.sessions SET expires_at = now() WHERE user_name = %s", name)
    assert caller.ask("publisher", "GET", "/sessions").status == 401
    log_in(stack, name)
    assert stack.one("SELECT count(*) FROM access.sessions WHERE user_name = %s", name) == 1


def test_a_user_has_only_so_many_sessions(stack):
    name = new_name()
    callers = [log_in(stack, name, None) for _ in range(25)]
    assert stack.one("SELECT count(*) FROM access.sessions WHERE user_name = %s", name) == 20
    assert callers[0].ask("publisher", "GET", "/sessions").status == 401
    assert callers[-1].ask("publisher", "GET", "/sessions").status == 200


def test_a_guest_logs_in_with_a_name_alone_where_that_is_welcome_and_changes_nothing(stack, private):
    name = new_name()
    guest = log_in(stack, name, None)
    assert stack.one("SELECT is_guest FROM ticketing.users WHERE name = %s", name) is True
    assert guest.patch(f"/users/{name}", {"password": "now it is mine"}).status == 403
    assert guest.delete(f"/users/{name}").status == 403
    assert client(stack).patch(f"/users/{name}", {"password": PASSWORD}).json["is_guest"] is False
    assert nobody(stack).post("/sessions", {"name": name}).status == 401
    assert nobody(private).post("/sessions", {"name": new_name()}).status == 401


def test_who_guesses_passwords_is_slowed_down(own_stack):
    stack = own_stack()
    name, other = make_user(stack, password=PASSWORD), make_user(stack, password=PASSWORD)
    for _ in range(15):    # what is right costs nothing
        log_in(stack, name)
    began, guesses, wait_s = time.monotonic(), [], 0
    while wait_s < 4:      # one is let in every six seconds: on a slow machine another one may just be due
        time.sleep(wait_s)
        answer, answered = nobody(stack).post("/sessions", {"name": name, "password": f"guess {len(guesses)}"}), time.monotonic()
        assert answer.status == 401 or (answer.status, answer.json["code"]) == (429, "rate_limited")
        guesses.append(answer.status)
        assert guesses.count(401) <= 10 + (time.monotonic() - began) / 6
        wait_s = int(answer.headers["Retry-After"] or 0)
    assert guesses[:10] == [401] * 10 and wait_s <= 6
    assert nobody(stack).post("/sessions", {"name": name, "password": PASSWORD}).status == 429 or time.monotonic() - answered > wait_s - 1
    log_in(stack, other)


def test_logging_in_does_not_hold_up_others(stack):
    """Passwords are checked on threads: meanwhile the loop answers. On the loop, one or two would come between any two passwords."""
    name = make_user(stack, password=PASSWORD)
    stopped, checked = threading.Event(), []

    def log_in_again_and_again():
        while not stopped.is_set():
            checked.append(nobody(stack).post("/sessions", {"name": name, "password": PASSWORD}).status)

    def many_are_answered_between_any_two_passwords():
        before = len(checked)
        for _ in range(40):
            assert nobody(stack).ask("publisher", "GET", "/sessions").status == 401
        return before and len(checked) - before <= 8
    threads = [threading.Thread(target=log_in_again_and_again) for _ in range(8)]
    for thread in threads:
        thread.start()
    try:    # not at once, if it was this test that had to wait for a processor
        wait_until(many_are_answered_between_any_two_passwords, "others are answered meanwhile", timeout=30)
    finally:
        stopped.set()
        for thread in threads:
            thread.join()
    assert set(checked) == {201}


@pytest.mark.parametrize("headers, status", [
    ({}, 200), ({"Sec_Fetch_Site": "same-origin"}, 200), ({"Sec_Fetch_Site": "cross-site"}, 403), ({"Sec_Fetch_Site": "same-site"}, 403),
    ({"Origin": "https://evil.example"}, 403), ({"Origin": "null"}, 403),
    ({"Origin": "https://evil.example", "Sec_Fetch_Site": "cross-site"}, 403),
])
def test_a_page_from_elsewhere_cannot_use_a_session(stack, headers, status):
    name = make_user(stack, password=PASSWORD)
    caller = log_in(stack, name)
    assert caller.patch(f"/users/{name}", {"email": None}, **headers).status == status
    assert caller.ask("publisher", "GET", "/sessions", **headers).status == 200
    assert nobody(stack).post("/sessions", {"name": name, "password": PASSWORD}, **headers).status == (201 if status == 200 else 403)
    assert client(stack).patch(f"/users/{name}", {"email": None}, **headers).status == 200, "a key is not sent unasked"


def test_a_user_changes_its_own_record_and_no_other(stack):
    name, other = make_user(stack, password=PASSWORD), make_user(stack, password=PASSWORD)
    caller = log_in(stack, name)
    assert caller.patch(f"/users/{other}", {"password": "now it is mine"}).status == 403
    assert caller.delete(f"/users/{other}").status == 403
    assert caller.get(f"/users/{other}").status == 403 and caller.get("/users").status == 403
    assert caller.get(f"/users/{name}").status == 200
    assert caller.delete(f"/users/{name}").status == 204


def test_users_are_shown_to_nobody_in_particular_only_where_reads_are_open(private):
    name = make_user(private, password=PASSWORD)
    assert [nobody(private).get(path).status for path in (f"/users/{name}", "/users")] == [401, 401]
    assert [client(private).get(path).status for path in (f"/users/{name}", "/users")] == [200, 200]
    assert log_in(private, name).get(f"/users/{name}").status == 200
    assert admin(private).get(f"/users/{name}").status == 200
