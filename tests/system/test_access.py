"""Who sees what, who acts for whom, how often, and that nothing tells a secret."""
import json
import os
import re

import pytest

from asking import Caller, admin, client, nobody
from karcis import Stack, new_id, wait_until
from wire import exchange

PASSWORD = f"correct horse {new_id()}"


@pytest.fixture(scope="module")
def private():
    """A stack as one would run it for real: no guests, and nothing that is somebody's shown to everybody."""
    stack = Stack.start(GUEST_SESSIONS="no", OPEN_READS="no", LOG_LEVEL="debug")
    yield stack
    stack.end()


def new_user(stack):
    """Somebody with a session."""
    name = f"user-{new_id()[:8]}"
    assert client(stack).post("/users", {"name": name, "password": PASSWORD}).status == 201
    caller = Caller(stack)
    assert caller.post("/sessions", {"name": name, "password": PASSWORD}).status == 201
    caller.name = name
    return caller


def book(caller, show, seat, **members):
    answer = caller.post("/bookings", {"show": show, "seats": [seat], "payment": "link", **members})
    assert answer.status == 202, answer
    return answer.json["booking_id"]


# ---- acting for somebody ----

def test_a_session_books_for_its_own_user_and_no_other(stack):
    ayu, show = new_user(stack), stack.show("A1", "A2", "A3")
    assert stack.wait_for(book(ayu, show, "A1"), "AWAITING_PAYMENT")["user_name"] == ayu.name
    assert stack.wait_for(book(ayu, show, "A2", user=ayu.name), "AWAITING_PAYMENT")["user_name"] == ayu.name
    refused = ayu.post("/bookings", {"user": "budi", "show": show, "seats": ["A3"]})
    assert (refused.status, refused.json["code"]) == (403, "forbidden")
    assert ayu.post("/bookings", {"user": 7, "show": show, "seats": ["A3"]}).status == 422
    assert client(stack).post("/bookings", {"show": show, "seats": ["A3"]}).status == 422, "a key is nobody's own"
    assert ayu.post("/bookings", {"show": show, "seats": ["A3"]}, Origin="https://evil.example").status == 403
    assert stack.open_seats(show) == ["A3"]


def test_a_user_cancels_only_what_is_theirs(stack):
    ayu, budi, show = new_user(stack), new_user(stack), stack.show("A1")
    booking = book(ayu, show, "A1")
    stack.wait_for(booking, "AWAITING_PAYMENT")
    path = f"/bookings/{booking}/cancel"
    assert [caller.post(path, {}).status for caller in (nobody(stack), budi)] == [401, 404]
    assert ayu.post(f"/bookings/{new_id()}/cancel", {}).status == 404, "what nobody has asked for yet is nobody's"
    assert stack.entries("cancel.requested", booking) == []
    assert [caller.post(path, {}).status for caller in (ayu, client(stack))] == [202, 202]
    said = stack.entries("cancel.requested", booking)
    assert [fields["by"] for _, fields in said] == [ayu.name, "CLIENT_KEY"]


def test_a_user_buys_for_nobody_else(stack):
    ayu, show = new_user(stack), stack.show(seats=2, general=True)
    assert ayu.post("/buy-tickets", {"stage_id": show, "qty": 1, "username": "budi"}).status == 403
    bought = ayu.post("/buy-tickets", {"stage_id": show, "qty": 1})
    assert bought.status in (200, 400) and (bought.status == 400 or bought.json[0]["username"] == ayu.name), bought


# ---- seeing ----

def test_a_payment_link_is_shown_to_its_owner_and_to_shops(private):
    ayu, budi, show = new_user(private), new_user(private), private.show("A1")
    booking = book(ayu, show, "A1")
    private.wait_for(booking, "AWAITING_PAYMENT")
    path = f"/bookings/{booking}"
    for caller in (ayu, client(private), admin(private)):
        assert "token=" in caller.get(path).json["payment_url"]
    seen = nobody(private).get(path)
    assert (seen.status, seen.json["payment_url"], seen.json["status"]) == (200, None, "AWAITING_PAYMENT")
    assert budi.get(path).status == 404


def test_lists_of_what_is_somebodys_are_theirs_and_the_shops(private):
    ayu, budi, show = new_user(private), new_user(private), private.show("A1", "A2")
    book(budi, show, "A2")
    booking, waiting = book(ayu, show, "A1"), book(ayu, show, "A2")
    private.wait_for(waiting, "WAITLISTED")
    invoice = private.wait_for(booking, "AWAITING_PAYMENT") and client(private).get(f"/bookings/{booking}").json["invoice_no"]
    for path in (f"/users/{ayu.name}/bookings", f"/my-tickets?username={ayu.name}"):
        assert [caller.get(path).status for caller in (nobody(private), budi, ayu, client(private))] == [401, 403, 200, 200], path
    for path in (f"/bookings/{booking}/history", f"/invoices/{invoice}"):
        assert [caller.get(path).status for caller in (nobody(private), budi, ayu, client(private))] == [200, 404, 200, 200], path
    links = [caller.get(f"/invoices/{invoice}").json["payment_url"] for caller in (nobody(private), ayu, client(private))]
    assert links[0] is None and "token=" in links[1] and links[1] == links[2]
    listed = [caller.get(f"/users/{ayu.name}/bookings").json["items"][-1]["payment_url"] for caller in (ayu, client(private))]
    assert listed == links[1:]
    queue = {who: caller.get(f"/shows/{show}/waitlist").json["items"][0]
             for who, caller in {"nobody": nobody(private), "budi": budi, "ayu": ayu}.items()}
    assert [(queue[who]["position"], queue[who]["user"], queue[who]["booking_id"]) for who in queue] == \
        [(1, None, None), (1, None, None), (1, ayu.name, waiting)]


def test_where_reads_are_open_everybody_sees_a_payment_link_but_another_user(stack):
    ayu, budi, show = new_user(stack), new_user(stack), stack.show("A1")
    booking = book(ayu, show, "A1")
    stack.wait_for(booking, "AWAITING_PAYMENT")
    assert "token=" in nobody(stack).get(f"/bookings/{booking}").json["payment_url"]
    assert budi.get(f"/bookings/{booking}").status == 404


def test_a_booking_that_nobody_has_decided_yet_is_its_owners_too(private):
    ayu, budi, show = new_user(private), new_user(private), private.show("A1")
    private.remove("ticket-worker-1")
    booking = book(ayu, show, "A1")
    assert (ayu.get(f"/bookings/{booking}").status, budi.get(f"/bookings/{booking}").status) == (200, 404)
    private.add("ticket-worker")
    private.wait_for(booking, "AWAITING_PAYMENT")


def test_the_event_log_shows_payment_links_tokens_to_keys_alone(private, stack):
    def events(caller):
        return caller.get("/events?topic=invoice.created&order=desc&limit=1000").body.decode()

    for where, keeps in ((private, False), (stack, True)):
        ayu = new_user(where)
        booking = book(ayu, where.show("A1"), "A1")
        url = where.wait_for(booking, "AWAITING_PAYMENT") and client(where).get(f"/bookings/{booking}").json["payment_url"]
        wait_until(lambda: url in events(client(where)), "the log has the invoice")
        assert (url in events(nobody(where))) == keeps
        assert url not in events(ayu) and re.search(r"\?token=\"", events(ayu))


def test_what_an_event_says_beside_its_payload_does_not_tell_a_payment_links_token(private):
    topic = f"link-{new_id()[:8]}"
    private.xadd({"topic": topic, "event_id": "e1", "timestamp": "2026-11-21T10:00:00Z", "source": "test", "payload": "{}",
                  "link": "http://x/pay/x?token=canary"}, "events")
    private.wait_drained()
    seen = [caller.get(f"/events?topic={topic}").json["items"][0]["extra"] for caller in (nobody(private), client(private))]
    assert seen == [{"link": "http://x/pay/x?token="}, {"link": "http://x/pay/x?token=canary"}]


def test_a_dead_letter_does_not_tell_a_payment_links_token(private):
    entry = private.xadd({"booking_id": "none", "invoice_no": "x", "payment_url": "http://x/pay/x?token=canary"}, "invoice.created")
    private.wait_dead(entry, "invoice.created", "bill")
    wait_until(lambda: b"canary" in client(private).get("/dead-letters").body, "the letter is kept")
    letters = nobody(private).get("/dead-letters").json["items"]
    assert letters and all("canary" not in str(letter) for letter in letters)
    assert b"canary" not in nobody(private).get(f"/dead-letters/{letters[0]['id']}").body


# ---- how often ----

def at_once(stack, program, method, path, keys, body=None, cookie=None):
    """The answers to requests in one go, one with each key, faster than any limit lets them be however slow the machine is. The address is
    one that a proxy on this machine says, so that the stack's own probes are not counted with it."""
    text, requests = "" if body is None else json.dumps(body), []
    for key in keys:
        lines = [f"{method} {path} HTTP/1.1", "Host: karcis", "X-Forwarded-For: 203.0.113.1", f"Content-Length: {len(text)}"]
        credentials = [f"Authorization: Bearer {key}"] if key else [f"Cookie: karcis_session={cookie}"] if cookie else []
        requests.append("\r\n".join([*lines, *credentials, "", text]))
    return exchange(stack.port(program), "".join(requests).encode())


def statuses(answers):
    return [answer.status for answer in answers]


def test_who_asks_too_often_is_told_when_to_come_again(own_stack):
    stack = own_stack(RATE_LIMIT_PER_ADDRESS=10, RATE_LIMIT_PER_KEY=5)
    one, other = Caller(stack, X_Forwarded_For="203.0.113.1"), Caller(stack, X_Forwarded_For="203.0.113.1, 203.0.113.2")
    answers = at_once(stack, "aggregator-1", "GET", "/shows", [None] * 200)
    assert statuses(answers)[:20] == [200] * 20 and 429 in statuses(answers)
    limited = next(answer for answer in answers if answer.status == 429)
    assert (limited.problem()["code"], limited.headers["retry-after"]) == ("rate_limited", "1")
    assert other.get("/shows").status == 200, "another address has a bucket of its own"
    wait_until(lambda: one.get("/healthz").status == 200, "later it is answered again")
    # Writes are counted apart from reads, and keys apart from addresses.
    body = {"user": "ayu", "show": "no-such-show", "quantity": 1}
    assert set(statuses(at_once(stack, "publisher", "GET", "/sessions", [None] * 200))) == {401, 429}
    assert [one.post("/bookings", body).status for _ in range(10)] == [401] * 10
    shop, boss = (Caller(stack, stack.env[key], X_Forwarded_For="203.0.113.1") for key in ("CLIENT_KEY", "ADMIN_KEY"))
    assert shop.get("/shows").status == 200
    booked = statuses(at_once(stack, "publisher", "POST", "/bookings", [stack.env["CLIENT_KEY"]] * 100, body))
    assert booked[:10] == [202] * 10 and 429 in booked
    assert [boss.post("/bookings", body).status for _ in range(5)] == [202] * 5
    assert [shop.ask("publisher", "GET", "/sessions").status for _ in range(5)] == [200] * 5


def test_a_user_and_a_key_of_one_name_are_counted_apart(own_stack):
    stack = own_stack(RATE_LIMIT_PER_KEY=5)
    ayu = new_user(stack)
    key = Caller(stack, admin(stack).post("/api-keys", {"role": "client", "name": ayu.name}).json["key"])
    asked = statuses(at_once(stack, "publisher", "GET", "/sessions", [None] * 100, cookie=ayu.cookie))
    assert asked[:5] == [200] * 5 and set(asked) == {200, 429}
    assert [key.ask("publisher", "GET", "/sessions").status for _ in range(5)] == [200] * 5


def test_wrong_keys_are_counted_too(own_stack):
    stack = own_stack(RATE_LIMIT_PER_ADDRESS=5)
    assert set(statuses(at_once(stack, "aggregator-1", "GET", "/shows", [f"krc_client_{n}" for n in range(100)]))) == {401, 429}
    assert client(stack).get("/shows").status == 200


# ---- pages from elsewhere ----

@pytest.mark.parametrize("program, path, methods", [
    ("publisher", "/bookings", {"POST"}), ("publisher", "/users", {"POST"}), ("publisher", "/users/ayu", {"PATCH", "PUT", "DELETE"}),
    ("publisher", "/sessions", {"POST", "GET", "DELETE"}), ("publisher", "/api-keys/x", {"DELETE"}), ("publisher", "/shows", {"POST"}),
    ("aggregator-1", "/users", {"GET"}), ("aggregator-1", "/stats", {"GET"}), ("aggregator-1", "/events", {"GET"}),
])
def test_a_page_from_elsewhere_may_ask_but_not_with_a_session(stack, program, path, methods):
    asked = {"Origin": "https://elsewhere.example", "Access_Control_Request_Method": sorted(methods)[0],
             "Access_Control_Request_Headers": "authorization,content-type,idempotency-key,if-match,if-none-match,last-event-id,prefer"}
    answer = nobody(stack).ask(program, "OPTIONS", path, **asked)
    assert 200 <= answer.status < 300
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert methods <= set(answer.headers["Access-Control-Allow-Methods"].split(", "))
    allowed = answer.headers["Access-Control-Allow-Headers"].lower().split(", ")
    assert set(asked["Access_Control_Request_Headers"].split(",")) <= set(allowed)
    assert answer.headers["Access-Control-Allow-Credentials"] is None


def test_a_page_from_elsewhere_may_read_what_the_headers_say(stack):
    readable = {"ETag", "Location", "Retry-After", "Preference-Applied", "Idempotent-Replayed", "X-Request-Id"}
    for answer in (nobody(stack).get("/shows/demo", Origin="https://elsewhere.example"), nobody(stack).post("/bookings", {})):
        assert set(answer.headers["Access-Control-Expose-Headers"].split(", ")) == readable


# ---- secrets ----

def test_no_secret_is_in_any_log_or_error(private):
    """All that this stack was told and must not repeat: keys, passwords, tokens, cookies, payment tokens."""
    made = admin(private).post("/api-keys", {"role": "client", "name": f"canary {new_id()}"}).json
    ayu = new_user(private)
    booking = book(Caller(private, made["key"]), private.show("A1"), "A1", user=ayu.name)
    private.wait_for(booking, "AWAITING_PAYMENT")
    token = re.search(r"token=(.+)$", client(private).get(f"/bookings/{booking}").json["payment_url"]).group(1)
    wrong = {"key": f"krc_client_wrong{new_id()}", "password": f"wrong {new_id()}", "cookie": new_id()}
    answers = [
        Caller(private, wrong["key"]).get("/shows"),
        Caller(private, cookie=wrong["cookie"]).patch("/users/ayu", {"password": wrong["password"]}),
        nobody(private).post("/sessions", {"name": ayu.name, "password": wrong["password"]}),
        client(private).post("/users", {"name": ayu.name, "password": wrong["password"], "email": wrong["password"]}),
        ayu.patch(f"/users/{ayu.name}", {"password": "x" + wrong["password"] * 20}),
        nobody(private).get(f"/bookings/{booking}?token={token}"),
        nobody(private).get(f"/no-such-path?token={token}"),
    ]
    secrets = {**wrong, "new key": made["key"], "right password": PASSWORD, "right cookie": ayu.cookie, "payment token": token,
               **private.secrets}
    last = answers[-1].headers["X-Request-Id"]
    wait_until(lambda: last in private.log("aggregator-1") and ayu.name in private.log("publisher"), "all is in the logs")
    logs = {name: private.log(name) for name in private.names()}
    for what, secret in secrets.items():
        assert len(secret) >= 16
        assert not [name for name, log in logs.items() if secret in log], f"{what} is in a log"
        assert not [answer for answer in answers if secret.encode() in answer.body], f"{what} is in an answer"
    for name in private.names():    # nor on a command line
        for pid in filter(None, (private.pid(name),)):
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                line = file.read()
            assert not [what for what, secret in secrets.items() if secret.encode() in line], f"{name}'s command line"
    assert os.path.isdir(f"{private.run_dir}/logs")
