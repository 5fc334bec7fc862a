"""A worker plans its statements once, perhaps on the first day, and
keeps the plan for millions of rows (common/store.c says with which settings)."""
import glob
import json
import os
import re
import subprocess

import psycopg2
import pytest

from karcis import ROOT, Stack

OWNERS = {"ticket": "ticket-worker", "payment": "payment-worker"}


def statements(program):
    """{name: SQL} of the sections of a program's .sql files, as the build cuts them."""
    found = {}
    for path in sorted(glob.glob(f"{ROOT}/{program}/*.sql")):
        with open(path) as file:
            for section in re.split(r"^-- name: ", file.read(), flags=re.M)[1:]:
                name, _, text = section.partition("\n")
                found[name.strip()] = text
    return found


def session_options():
    """What store.c gives its sessions."""
    with open(f"{ROOT}/common/store.c") as file:
        declaration = re.search(r"session_options\[\] =\n(.*?);\n", file.read(), re.S).group(1)
    return "".join(re.findall(r'"([^"]*)"', declaration)).replace("\\\\", "\\").replace("%lld", "8000")


@pytest.fixture(scope="module")
def fresh():
    """{role: a session of that role} in a database that was migrated a moment ago and has never held a row."""
    stack = Stack.start(TICKET_WORKERS=0, PAYMENT_WORKERS=0, AGGREGATORS=0)
    superuser = psycopg2.connect(stack.role_url("postgres", "postgres"))
    superuser.autocommit = True
    with superuser.cursor() as cursor:
        cursor.execute("CREATE DATABASE fresh OWNER karcis TEMPLATE template0")
    url = re.sub("/karcis$", "/fresh", stack.env["DATABASE_URL"])
    subprocess.run([f"{ROOT}/schema/migrate"], env={"PATH": os.environ["PATH"], "DATABASE_URL": url}, check=True)
    sessions = {role: psycopg2.connect(stack.role_url(role, "fresh"), options=session_options()) for role in [*OWNERS, "aggregator"]}
    yield sessions
    for session in [superuser, *sessions.values()]:
        session.close()
    stack.end()


def plan_of(session, sql):
    """The plan of the prepared statement, whatever its parameters will be."""
    parameters = len(set(re.findall(r"\$\d+", re.sub(r"--.*", "", sql))))
    with session.cursor() as cursor:
        cursor.execute(f"PREPARE statement AS {sql}")
        arguments = f"({', '.join(['NULL'] * parameters)})" if parameters else ""
        cursor.execute(f"EXPLAIN (FORMAT JSON) EXECUTE statement{arguments}")
        (plan,) = cursor.fetchone()[0]
    session.rollback()
    with session.cursor() as cursor:
        cursor.execute("DEALLOCATE ALL")
    session.commit()
    return plan["Plan"]


def nodes(plan):
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


def finds_by_key(node):
    """It goes to the rows it wants: through an index, with a condition on its key, or to their place."""
    if node["Node Type"] == "Tid Scan":
        return "TID Cond" in node
    return node["Node Type"] in ("Index Scan", "Index Only Scan") and "Index Cond" in node


CASES = [(role, name) for role, program in OWNERS.items() for name in statements(program)]


@pytest.mark.parametrize("role, name", CASES, ids=[name for _, name in CASES])
def test_plans_use_indexes_even_when_made_on_empty_tables(fresh, role, name):
    plan = plan_of(fresh[role], statements(OWNERS[role])[name])
    looks = [node for node in nodes(plan) if "Relation Name" in node and node["Node Type"] != "ModifyTable"]
    assert all(finds_by_key(node) for node in looks), json.dumps(plan, indent=1)


def test_a_replay_finds_its_letter_by_its_id_among_any_number_of_letters(fresh):
    plan = plan_of(fresh["aggregator"], statements("aggregator")["record_replayed"])
    looks = [node for node in nodes(plan) if "Relation Name" in node and node["Node Type"] != "ModifyTable"]
    assert all(finds_by_key(node) for node in looks), json.dumps(plan, indent=1)
    assert {node["Index Name"] for node in looks} == {"dead_letters_pkey", "dead_letters_by_entry"}


PAGES = ("user_bookings_list", "my_tickets_list", "booking_history_changes", "seat_history_changes", "waitlist_list", "invoices_one",
         "bookings_one")


@pytest.mark.parametrize("name", PAGES)
def test_what_people_look_at_is_found_by_key_however_much_there_is(fresh, name):
    plan = plan_of(fresh["aggregator"], statements("aggregator")[name])
    looks = [node for node in nodes(plan) if "Relation Name" in node]
    assert looks and all(finds_by_key(node) for node in looks), json.dumps(plan, indent=1)


@pytest.mark.parametrize("name, index", [
    ("user_bookings_list", "bookings_by_user"), ("my_tickets_list", "bookings_by_user"), ("seat_history_changes", "bookings_by_show")])
def test_bookings_are_found_by_whose_they_are_and_by_their_show(fresh, name, index):
    plan = plan_of(fresh["aggregator"], statements("aggregator")[name])
    looks = [node for node in nodes(plan) if node.get("Relation Name") == "bookings"]
    assert {node["Index Name"] for node in looks} == {index}


def places_sql():
    """What ticketing.places does, and with which settings: its plan is made inside it."""
    with open(f"{ROOT}/schema/0014-places.sql") as file:
        settings, body = re.search(r"^LANGUAGE sql (.*?) AS \$\$(.*?)\$\$;", file.read(), re.M | re.S).groups()
    return re.findall(r"SET (\w+) = (\w+)", settings), body.replace("unnest(asked)", "unnest($1::uuid[])")


def test_places_are_found_by_key_and_their_labels_hashed(fresh):
    """A nested loop over two lists would be their product: a page of bookings times a show's queue."""
    settings, body = places_sql()
    session = fresh["aggregator"]
    with session.cursor() as cursor:
        for name, value in settings:
            cursor.execute(f"SET {name} = {value}")
    session.commit()
    plan = plan_of(session, body)
    with session.cursor() as cursor:
        for name, _ in settings:
            cursor.execute(f"RESET {name}")
    session.commit()
    looks = [node for node in nodes(plan) if "Relation Name" in node]
    assert len(looks) == 3 and all(finds_by_key(node) for node in looks), json.dumps(plan, indent=1)
    loops = [node for node in nodes(plan) if node["Node Type"] == "Nested Loop"]
    assert all(any(finds_by_key(inner) for inner in nodes(loop["Plans"][1])) for loop in loops), json.dumps(plan, indent=1)
    assert sum(node["Node Type"] == "Hash Join" for node in nodes(plan)) == 3, json.dumps(plan, indent=1)


@pytest.fixture
def reading(stack):
    """reading(statement, *parameters): its rows, and how many entries of the waitlist it read. What it reads is made with
    reading.cursor, and gone afterwards."""
    session = psycopg2.connect(stack.env["DATABASE_URL"], options=session_options())

    class Reading:
        cursor = session.cursor()

        def entries_read(self):
            self.cursor.execute("SELECT seq_tup_read + coalesce(idx_tup_fetch, 0) FROM pg_stat_xact_user_tables "
                                "WHERE relid = 'ticketing.waitlist'::regclass")
            return self.cursor.fetchone()[0]

        def __call__(self, program, name, *parameters):
            before = self.entries_read()
            self.cursor.execute(re.sub(r"\$(\d+)", r"%(p\1)s", statements(program)[name].replace("%", "%%")),
                                {f"p{i + 1}": value for i, value in enumerate(parameters)})
            return self.cursor.fetchall(), self.entries_read() - before

    yield Reading()
    session.rollback()
    session.close()


def put_bookings(cursor, show, user, status, count, first_ms):
    """So many for one seat of the show; those who wait are in its queue. Their ids."""
    cursor.execute("INSERT INTO ticketing.bookings (booking_id, fingerprint, entry_ms, entry_seq, requested_at, status, quantity, "
                   "user_name, show_id, seats) SELECT gen_random_uuid(), 1, %s + n, 0, now(), %s, 1, %s, %s, '{A1}' "
                   "FROM generate_series(0, %s - 1) AS n RETURNING booking_id::text", (first_ms, status, user, show, count))
    ids = [booking for booking, in cursor.fetchall()]
    if status == "WAITLISTED":
        cursor.execute("INSERT INTO ticketing.waitlist SELECT show_id, entry_ms, entry_seq, booking_id FROM ticketing.bookings "
                       "WHERE booking_id = ANY(%s::uuid[])", (ids,))
    return ids


def test_the_queue_is_read_once_for_a_page_of_those_who_wait_and_never_for_others(reading):
    put_bookings(reading.cursor, "queue", "others", "WAITLISTED", 300, first_ms=1)
    mine = put_bookings(reading.cursor, "queue", "waits", "WAITLISTED", 40, first_ms=1000)
    rejected = put_bookings(reading.cursor, "queue", "waits-not", "REJECTED", 40, first_ms=2000)
    rows, entries = reading("aggregator", "user_bookings_list", "waits", None, None, 51)
    assert [row[13:15] for row in rows] == [(340 - n, 340) for n in range(40)]
    assert 340 <= entries < 2 * 340, "the queue once, and mine; and whatever else is in the waitlist of this stack"
    rows, entries = reading("aggregator", "user_bookings_list", "waits-not", None, None, 51)
    assert ({row[13:15] for row in rows}, len(rows), entries) == ({(None, None)}, 40, 0)
    (row,), entries = reading("aggregator", "bookings_one", rejected[0])
    assert (row[13:15], entries) == ((None, None), 0)
    (row,), entries = reading("aggregator", "bookings_one", mine[-1])
    assert row[13:15] == (340, 340) and 340 <= entries < 2 * 340


def test_all_statements_of_the_workers_were_looked_at():
    assert {"hold_known", "hold_seats", "hold_any", "hold_take", "settle_close", "settle_seats", "bill_store", "invoice_load",
            "charge_load", "charge_invoices"} <= {name for _, name in CASES}
    assert "enable_seqscan=off" in session_options() and "plan_cache_mode=force_generic_plan" in session_options()
