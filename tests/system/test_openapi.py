"""docs/openapi.yaml says what the programs answer over HTTP: every operation is driven, and what comes back is held against it.

A description without a route fails, a route without a description, an operation without an example, a success that no example
brings about, and an answer whose status, type, headers, members or events are not described. openapi.py is what does the
holding against; the examples stand in openapi_catalog.py, openapi_bookings.py, openapi_users.py and openapi_operations.py."""
import subprocess

import jsonschema
import pytest

import openapi_bookings  # noqa: F401 (its examples)
import openapi_catalog  # noqa: F401
import openapi_operations  # noqa: F401
import openapi_users  # noqa: F401
import outages
from karcis import BIN_DIR, PROGRAMS, wait_until
from openapi import DOCUMENT, ELSEWHERE, EXAMPLES, METHODS, OPERATIONS, World, references, resolved


@pytest.fixture
def world(stack):
    return World(stack)


def routes(program):
    done = subprocess.run([f"{BIN_DIR}/{program}", "--routes"], check=True, capture_output=True, text=True)
    return {tuple(line.split()) for line in done.stdout.splitlines()}


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_route_is_described_and_every_description_is_a_route(program):
    described = {operation.route() for operation in OPERATIONS.values() if program in operation.programs()}
    assert {"without a description": sorted(routes(program) - described), "without a route": sorted(described - routes(program))} == {
        "without a description": [], "without a route": []}


def test_every_operation_has_an_example():
    assert {"without an example": sorted(set(OPERATIONS) - set(EXAMPLES)), "unknown": sorted(set(EXAMPLES) - set(OPERATIONS))} == {
        "without an example": [], "unknown": []}


@pytest.mark.parametrize("operation", EXAMPLES)
def test_an_operation_answers_as_described(world, operation):
    for show_it in EXAMPLES[operation]:
        show_it(world)
    successes = {status for status in OPERATIONS[operation].responses if status < 400}
    missing = successes - {status for seen, status in world.seen if seen == operation}
    assert not missing, f"no example brings about {missing}"


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_an_operation_refuses_as_described(world, operation):
    """What every operation refuses in the same way: who does not hold what is needed, no JSON, too much of it, an unknown id."""
    values = operation.nobodys_values()
    world.call(operation.id, *values, status=400, query="broken=%zz", body={} if operation.body else None)
    world.call(operation.id, *values, status=401, key="wrong")
    if operation.who != "anyone":
        world.call(operation.id, *values, status=401, key="none")
        world.call(operation.id, *values, status=403, key="gate")
    if operation.who in ("client", "admin"):
        world.call(operation.id, *values, status=403, headers=world.session())
    if operation.who == "admin":
        world.call(operation.id, *values, status=403, key="client")
    if operation.method != "GET":
        world.call(operation.id, *values, status=403, headers={**world.session(), **ELSEWHERE})
    if operation.body:
        refuses_bodies(world, operation, values)
    elif values:
        world.call(operation.id, *values, status=404)


def refuses_bodies(world, operation, values):
    is_lenient = operation.id == "buyTickets"  # the original shop's way: no type matters, and all that is wrong is 400
    world.call(operation.id, *values, status=400, body="{")
    world.call(operation.id, *values, status=413, body=f'"{"x" * 1100000}"')
    world.call(operation.id, *values, status=400 if is_lenient else 415, body="{}", content_type="text/plain")
    world.call(operation.id, *values, status=400 if is_lenient else 422, body="[7]")


def check_all_refuse(world, status, key="none", headers=None):
    """Asks everything that clients may ask until it answers so; whatever it answers is described. The workers serve no clients."""
    def refuses(operation, program):
        answer = world.ask(operation, operation.nobodys_values(), None, None, key, headers or {}, program, None)
        world.check(operation, answer)
        return answer.status == status

    for operation in OPERATIONS.values():
        for program in {"publisher", "aggregator"} & set(operation.programs()):
            wait_until(lambda: refuses(operation, program), f"{operation.id} of {program} answers {status}")


def test_who_asks_too_often_is_refused_as_described(own_stack):
    """By an address that the proxy says, so that nobody else's requests are counted with it."""
    check_all_refuse(World(own_stack(RATE_LIMIT_PER_ADDRESS=1)), 429, headers={"X-Forwarded-For": "203.0.113.1"})


def test_while_the_store_is_away_a_new_key_is_refused_as_described(own_stack):
    """A key that is new to the programs cannot be told from a wrong one then."""
    world = World(own_stack())
    with outages.killed(world.stack, "postgres"):
        check_all_refuse(world, 503, key="wrong")


def test_the_document_is_in_order():
    """No name twice, nothing unknown referred to, nothing defined that nobody uses, and every schema is one."""
    described = [said for item in DOCUMENT["paths"].values() for method, said in item.items() if method in METHODS]
    assert len(OPERATIONS) == len(described)
    used = set(references(DOCUMENT))
    for reference in used:
        resolved({"$ref": reference})
    defined = {f"#/components/{kind}/{name}" for kind, things in DOCUMENT["components"].items() for name in things
               if kind != "securitySchemes"}
    assert defined == used
    schemes = {name for said in described for requirement in said["security"] for name in requirement}
    assert schemes == set(DOCUMENT["components"]["securitySchemes"])
    for said in described:
        names = {tag["name"] for tag in DOCUMENT["tags"]}
        assert said["summary"] and set(said["tags"]) <= names
    for schema in DOCUMENT["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
