"""Changes of the catalog that take seconds: nobody who wants something else of the publisher waits for them."""
import contextlib
import threading
import time

import psycopg2
import pytest

from asking import Caller, admin, client, nobody
from karcis import new_id, wait_until

LARGEST = 200000
PRICE = {"amount": 75000, "currency": "IDR"}
PASSWORD = "a sentence that is long enough"


class Asked(threading.Thread):
    """A request under way; .answer is None until it is answered, .failure says why it is not."""

    def __init__(self, ask):
        super().__init__()
        self.answer, self.failure, self.ask = None, None, ask
        self.start()

    def run(self):
        try:
            self.answer = self.ask()
        except Exception as failure:  # pylint: disable=broad-except
            self.failure = failure

    def wait(self):
        self.join()
        assert self.answer, f"not answered: {self.failure!r}"
        return self.answer


def large_show(stack, seats=LARGEST):
    show = {"id": f"large-{new_id()[:8]}", "title": "Stadium", "price": PRICE, "capacity": seats}
    return Asked(lambda: admin(stack).post("/shows", show))


def as_publisher(stack, sql, *values):
    """One value, asked for as the publisher's role, which sees what its own sessions do."""
    with contextlib.closing(psycopg2.connect(stack.role_url("publisher"))) as connection, connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchone()[0]


def at_work(stack, waits=False):
    """Is the store at work on a change of the catalog; does that wait for a lock?"""
    return as_publisher(stack, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'publisher-catalog' "
                               "AND state = 'active' AND (NOT %s OR wait_event_type = 'Lock')", waits)


@contextlib.contextmanager
def held_up(stack, show):
    """Nobody can change the show for a while. Yields a change of it that waits."""
    with contextlib.closing(psycopg2.connect(stack.role_url("publisher"))) as holder:
        with holder.cursor() as cursor:
            cursor.execute("SELECT 1 FROM ticketing.shows WHERE show_id = %s FOR UPDATE", (show,))
        change = Asked(lambda: admin(stack).patch(f"/shows/{show}", {"title": "Changed"}))
        wait_until(lambda: at_work(stack, waits=True), "the change waits")
        yield change
    change.join()


def everything_else(stack, user):
    """What people want of the publisher that is no change of the catalog, and takes the store; the answers' statuses."""
    session, made = nobody(stack), admin(stack).post("/api-keys", {"role": "client", "name": f"shop-{new_id()[:8]}"})
    assert made.status == 201, made
    shop = Caller(stack, made.json["key"])
    return {
        "a login": session.post("/sessions", {"name": user, "password": PASSWORD}).status,
        "a user's session": session.ask("publisher", "GET", "/sessions").status,
        "a user": nobody(stack).get(f"/users/{user}").status,
        "a new user": shop.post("/users", {"name": f"user-{new_id()[:8]}"}).status,
        "a user's change": shop.patch(f"/users/{user}", {"email": f"{new_id()}@example.com"}).status,
        "a new key": made.status,
        "the keys": admin(stack).ask("publisher", "GET", "/api-keys").status,
        "a booking": shop.post("/bookings", {"user": user, "show": stack.show("A1"), "seats": ["A1"]}, Prefer="wait=10").status,
        "a key that nobody has": Caller(stack, "wrong").post("/users", {"name": "nobody"}).status,
    }


ALL_IS_WELL = {"a login": 201, "a user's session": 200, "a user": 200, "a new user": 201, "a user's change": 200, "a new key": 201,
               "the keys": 200, "a booking": 201, "a key that nobody has": 401}


@pytest.fixture
def user(stack):
    name = f"user-{new_id()[:8]}"
    assert client(stack).post("/users", {"name": name, "password": PASSWORD}).status == 201
    return name


def caught_at_work(stack, seats=LARGEST):
    """A show that is being made. One that was there before it could be looked at is removed, and another one asked for."""
    def is_caught():
        making = large_show(stack, seats=seats)
        wait_until(lambda: making.answer or at_work(stack), "it is being made")
        if making.answer:
            assert admin(stack).delete(making.answer.headers["Location"]).status == 204
        return None if making.answer else making
    return wait_until(is_caught, "a show is being made", timeout=60)


def test_nobody_waits_while_the_largest_show_is_made(stack, user, tell):
    making, started = caught_at_work(stack), time.monotonic()
    answers = everything_else(stack, user)
    seconds = time.monotonic() - started
    assert making.answer is None, "all of them are answered before the show is there"
    assert answers == ALL_IS_WELL
    made = making.wait()
    assert (made.status, made.json["open"]) == (201, LARGEST)
    tell(f"the others after {seconds:.2f} s, the show after {time.monotonic() - started:.2f} s")
    removed = admin(stack).delete(made.headers["Location"])
    assert removed.status == 204, removed


def test_nobody_waits_for_a_change_that_cannot_go_on(stack, user):
    show = stack.show("A1")
    with held_up(stack, show) as change:
        assert everything_else(stack, user) == ALL_IS_WELL
        assert change.answer is None
    assert change.answer.status == 200


def test_only_so_many_seats_wait_and_who_comes_then_is_told_to_come_again(stack):
    show = stack.show("A1")
    with held_up(stack, show):
        large = [Asked(lambda: admin(stack).patch(f"/shows/{show}", {"capacity": LARGEST})) for _ in range(3)]
        refused = wait_until(lambda: next((asked.answer for asked in large if asked.answer), None), "one is answered")
        assert (refused.status, refused.json["code"]) == (503, "overloaded") and 1 <= int(refused.headers["Retry-After"]) <= 5
    assert sorted(asked.wait().json["code"] for asked in large) == ["numbered_seats", "numbered_seats", "overloaded"]
    assert admin(stack).patch(f"/shows/{show}", {"title": "Later"}).status == 200


def test_the_catalogs_connection_is_lost_and_nobody_else_notices(stack, user):
    show = stack.show("A1")
    with held_up(stack, show) as change:
        as_publisher(stack, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'publisher-catalog'")
        lost = change.wait()
        assert (lost.status, lost.json["code"], lost.headers["Retry-After"]) == (503, "store_away", "1")
        assert stack.is_ready("publisher")
        assert everything_else(stack, user) == ALL_IS_WELL
    wait_until(lambda: admin(stack).patch(f"/shows/{show}", {"title": "Again"}).status == 200, "it is there again")


def test_who_stops_finishes_the_show_that_it_is_making(stack):
    making = caught_at_work(stack, seats=LARGEST // 4)  # a busy machine, too, makes it within the time for leaving
    status, _ = stack.terminate("publisher")
    made = making.wait()
    assert (status, made.status) == (0, 201), made
    stack.wait_ready("publisher")
    wait_until(lambda: admin(stack).delete(made.headers["Location"]).status == 204, "it can be removed")
