"""What the store itself refuses, whatever our programs do: other owners' tables, impossible rows, a second migration."""
import subprocess
from concurrent.futures import ThreadPoolExecutor

import psycopg2
import pytest
import redis

from karcis import ROOT

SOMEBODY = "00000000-0000-4000-8000-000000000001"
BOOKING = ("INSERT INTO ticketing.bookings (booking_id, fingerprint, entry_ms, entry_seq, requested_at, status, quantity, user_name, "
           f"show_id) VALUES ('{SOMEBODY}', 1, 1, 1, now(), 'WAITLISTED', 1, 'ayu', 'demo')")
INVOICE = ("INSERT INTO payment.invoices (booking_id, amount, due_at, pays_by_link, currency, invoice_no, payment_url) "
           f"VALUES ('{SOMEBODY}', 1, now(), false, 'IDR', 'INV-1', 'http://pay')")
PAYMENT = ("INSERT INTO payment.payments (booking_id, status, amount, currency, invoice_no, payment_id) "
           f"VALUES ('{SOMEBODY}', 'SUCCEEDED', 1, 'IDR', 'INV-1', 'PAY-1')")

MAY = {
    "publisher": ["SELECT FROM ticketing.shows", "UPDATE ticketing.shows SET title = title WHERE show_id = 'demo'",
                  "INSERT INTO ticketing.users (name) VALUES ('new')", "SELECT FROM ticketing.bookings",
                  "SELECT FROM ticketing.waitlist; SELECT ticketing.stop_waiting()", "SELECT ticketing.places('{}')",
                  "SELECT dead_letter_id, stream, entry_id, dead_entry_id, fields, is_exact FROM log.dead_letters",
                  "SELECT hash FROM access.passwords", "UPDATE access.keys SET revoked_at = now()", "DELETE FROM access.sessions",
                  f"INSERT INTO access.keys (key_id, role, name, hash) VALUES ('{SOMEBODY}', 'gate', 'x', repeat('0', 64))"],
    "ticket": ["SELECT FROM ticketing.shows", BOOKING,
               "UPDATE ticketing.seats SET status = status WHERE (show_id, label) = ('demo', 'E10')"],
    "payment": [INVOICE, PAYMENT, "UPDATE payment.invoices SET status = 'PAID'"],
    "aggregator": ["SELECT FROM ticketing.bookings", "SELECT FROM payment.payments", "SELECT FROM log.events",
                   "INSERT INTO log.counters (slot, topic) VALUES (99, 'topic')", "SELECT role, name, hash FROM access.keys",
                   "SELECT user_name, expires_at FROM access.sessions WHERE token_hash = 'x'"],
}
MUST_NOT = {
    "publisher": [BOOKING, "UPDATE ticketing.bookings SET status = 'CONFIRMED'", "DELETE FROM ticketing.bookings",
                  "DELETE FROM ticketing.waitlist", "LOCK TABLE ticketing.waitlist", "SELECT FROM payment.invoices", INVOICE, "SELECT FROM log.events",
                  "SELECT replayed_at FROM log.dead_letters", "UPDATE log.dead_letters SET replayed_at = now()",
                  "DELETE FROM log.dead_letters", "SELECT FROM log.counters", "UPDATE access.keys SET role = 'admin'",
                  "DELETE FROM access.keys", "UPDATE access.version SET version = 0"],
    "ticket": ["UPDATE ticketing.shows SET amount = 0", "DELETE FROM ticketing.bookings", "DELETE FROM ticketing.seats",
               "INSERT INTO ticketing.seats (show_id, label, position) VALUES ('demo', 'Z9', 1)", "SELECT FROM payment.invoices",
               "SELECT ticketing.stop_waiting()", "SELECT ticketing.places('{}')", PAYMENT, "SELECT FROM log.events", "SELECT FROM access.passwords",
               "SELECT FROM access.keys", "SELECT FROM access.sessions"],
    "payment": ["UPDATE ticketing.seats SET status = 'OPEN'", "SELECT FROM ticketing.bookings", BOOKING, "DELETE FROM payment.payments",
                "DELETE FROM payment.invoices", "SELECT FROM log.events", "SELECT FROM ticketing.users", "SELECT FROM access.passwords"],
    "aggregator": [BOOKING, "UPDATE ticketing.bookings SET status = 'CONFIRMED'", "UPDATE ticketing.seats SET status = 'OPEN'", INVOICE,
                   PAYMENT, "UPDATE payment.payments SET status = 'FAILED'", "DELETE FROM log.events", "UPDATE log.events SET topic = 'x'",
                   "DELETE FROM log.dead_letters", "SELECT FROM access.passwords", "UPDATE access.keys SET revoked_at = NULL",
                   "DELETE FROM access.sessions", "INSERT INTO access.sessions (token_hash, user_name, expires_at) VALUES "
                   "(repeat('0', 64), 'ayu', now())", "UPDATE ticketing.users SET email = NULL"],
}
NOBODY_MAY = ["CREATE TABLE public.mine (a int)", "CREATE TABLE ticketing.mine (a int)", "DROP TABLE ticketing.seats",
              "TRUNCATE ticketing.bookings", "ALTER TABLE ticketing.seats DISABLE TRIGGER ALL", "CREATE SCHEMA mine",
              "SELECT FROM public.schema_migrations", "SET ROLE karcis", "SET ROLE postgres", "SELECT pg_read_file('/etc/passwd')",
              "COPY ticketing.shows TO PROGRAM 'true'"]


@pytest.fixture
def undone(stack):
    """undone(SQL, role) runs statements in a transaction that is rolled back."""
    connections = {}

    def run(sql, role=None):
        if role not in connections:
            connections[role] = psycopg2.connect(stack.role_url(role) if role else stack.env["DATABASE_URL"])
        try:
            with connections[role].cursor() as cursor:
                cursor.execute(sql)
        finally:
            connections[role].rollback()

    yield run
    for connection in connections.values():
        connection.close()


@pytest.mark.parametrize("role", MAY)
def test_a_program_may_do_its_work_in_the_store_and_nothing_else(undone, role):
    for sql in MAY[role]:
        undone(sql, role)
    for sql in MUST_NOT[role] + NOBODY_MAY:
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            undone(sql, role)
            pytest.fail(f"{role} may: {sql}")


@pytest.mark.parametrize("sql, refused", [
    (f"{INVOICE}; {INVOICE}", psycopg2.errors.UniqueViolation),
    (f"{PAYMENT}; {PAYMENT}", psycopg2.errors.UniqueViolation),
    (f"{BOOKING}; {BOOKING}", psycopg2.errors.UniqueViolation),
    ("INSERT INTO ticketing.seats (show_id, label, position) VALUES ('demo', 'A1', 99)", psycopg2.errors.UniqueViolation),
    ("INSERT INTO ticketing.seats (show_id, label, position) VALUES ('no-show', 'A1', 1)", psycopg2.errors.ForeignKeyViolation),
    ("INSERT INTO ticketing.seats (show_id, label, position) VALUES ('demo', 'A 1', 1)", psycopg2.errors.CheckViolation),
    ("UPDATE ticketing.seats SET status = 'RESERVED' WHERE (show_id, label) = ('demo', 'E10')", psycopg2.errors.InvalidTextRepresentation),
    (f"UPDATE ticketing.seats SET booking_id = '{SOMEBODY}' WHERE (show_id, label) = ('demo', 'E10')", psycopg2.errors.CheckViolation),
    ("UPDATE ticketing.seats SET status = 'BOOKED' WHERE (show_id, label) = ('demo', 'E10')", psycopg2.errors.CheckViolation),
    (f"{BOOKING}; UPDATE ticketing.bookings SET status = 'HELD' WHERE booking_id = '{SOMEBODY}'", psycopg2.errors.CheckViolation),
    (f"{BOOKING}; UPDATE ticketing.bookings SET quantity = 11", psycopg2.errors.CheckViolation),
    ("INSERT INTO ticketing.users (name) VALUES ('a b')", psycopg2.errors.CheckViolation),
    ("UPDATE ticketing.shows SET amount = -1", psycopg2.errors.CheckViolation),
], ids=["a second invoice", "a second payment of an attempt", "a second booking of an id", "a second seat of a label",
        "a seat of no show", "a label with a space", "a fourth seat status", "an open seat with an owner", "a booked seat without owner",
        "a held booking without seats", "eleven seats", "a user's name with a space", "a negative price"])
def test_the_store_refuses_what_cannot_be(undone, sql, refused):
    with pytest.raises(refused):
        undone(sql)


def migrate(url):
    return subprocess.run([f"{ROOT}/schema/migrate", "--demo"], env={"PATH": "/usr/bin:/bin", "DATABASE_URL": url}, check=True,
                          capture_output=True, text=True).stdout


def dump(url):
    """Schema and data, times of application included; without the beat and the marks of the watch, what a sequence counts and
    the key that every dump makes up."""
    without = [f"--exclude-table-data=log.{table}" for table in ("wire", "marks")]
    done = subprocess.run(["pg_dump", "-w", *without, url], check=True, capture_output=True, text=True)
    return [line for line in done.stdout.splitlines() if not line.startswith(("\\restrict", "\\unrestrict", "SELECT pg_catalog.setval"))]


def test_migrations_run_again_or_at_the_same_time_change_nothing(stack):
    before = dump(stack.env["DATABASE_URL"])
    with ThreadPoolExecutor() as pool:
        said = list(pool.map(migrate, [stack.env["DATABASE_URL"]] * 4))
    assert said == [""] * 4
    after = dump(stack.env["DATABASE_URL"])
    assert after == before and "CREATE TABLE ticketing.seats (" in after


def test_a_migration_edited_after_it_was_applied_is_refused(stack):
    sha256 = stack.one("SELECT sha256 FROM public.schema_migrations WHERE name = '0002-ticketing.sql'")
    stack.rows("UPDATE public.schema_migrations SET sha256 = 'of another text' WHERE name = '0002-ticketing.sql'")
    with pytest.raises(subprocess.CalledProcessError) as refused:
        migrate(stack.env["DATABASE_URL"])
    stack.rows("UPDATE public.schema_migrations SET sha256 = %s WHERE name = '0002-ticketing.sql'", sha256)
    assert "0002-ticketing.sql was edited" in refused.value.stderr


WIRE_MUST_NOT = {
    "publisher": ["XREADGROUP GROUP hold me STREAMS booking.requested >", "XACK booking.requested hold 1-1", "DEL booking.requested",
                  "XTRIM booking.requested MAXLEN 0", "XADD dead * a b", "SET karcis:x 1",
                  "EVAL redis.call('DEL','booking.requested') 1 booking.requested", "EVAL redis.call('SET','karcis:x',1) 1 karcis:x"],
    "ticket": ["XTRIM booking.requested MAXLEN 0", "XGROUP DESTROY booking.requested hold", "XGROUP SETID booking.requested hold 0",
               "DEL booking.requested", "SET booking.requested 1"],
    "payment": ["XTRIM seat.held MAXLEN 0", "XGROUP DESTROY seat.held invoice", "DEL seat.held"],
    "aggregator": ["XGROUP DESTROY seat.held invoice", "DEL seat.held", "SET seat.held 1"],
}


@pytest.mark.parametrize("user", WIRE_MUST_NOT)
def test_a_program_may_do_its_work_on_the_wire_and_nothing_else(stack, user):
    password = stack.secrets[f"{user.upper()}_REDIS_PASSWORD"]
    wire = redis.Redis(port=stack.port_base + 3, username=user, password=password, decode_responses=True)
    assert wire.ping() and wire.xlen("booking.requested") >= 0
    for command in WIRE_MUST_NOT[user] + ["FLUSHALL", "CONFIG GET *", "ACL LIST", "SHUTDOWN", "KEYS *", "MONITOR"]:
        with pytest.raises((redis.exceptions.NoPermissionError, redis.exceptions.ResponseError),
                           match="(?i)permission|the user executing the script can't"):
            wire.execute_command(*command.split())
            pytest.fail(f"{user} may: {command}")
    wire.close()
