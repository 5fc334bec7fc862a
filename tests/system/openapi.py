"""docs/openapi.yaml as tests use it: its operations, and a world that is asked only as it says and must answer as it says."""
import contextlib
import http.client
import json
import re
import urllib.parse
import uuid

import jsonschema
import yaml

from karcis import PROGRAMS, ROOT, new_id, wait_until

with open(f"{ROOT}/docs/openapi.yaml") as file:
    DOCUMENT = yaml.safe_load(file)
METHODS = ("get", "put", "post", "patch", "delete")
ROLES = ("user", "gate", "client", "admin")  # who may least comes first
GENERAL_HEADERS = {"date", "connection", "content-type", "content-length", "transfer-encoding", "cache-control", "x-request-id",
                   "x-content-type-options", "access-control-allow-origin", "access-control-expose-headers"}
ELSEWHERE = {"Origin": "https://elsewhere.example"}
PRICE = {"amount": 75000, "currency": "IDR"}


def closed(schema):
    """The same schemas, refusing members that they do not name: clients must not rely on that, the document must."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: closed(part) for name, part in schema.items()}
    if isinstance(schema.get("properties"), dict):
        made.setdefault("additionalProperties", False)
    return made


CLOSED = {"components": {"schemas": closed(DOCUMENT["components"]["schemas"])}}


def resolved(thing):
    """What a $ref stands for."""
    while "$ref" in thing:
        parts = thing["$ref"].removeprefix("#/").split("/")
        thing = DOCUMENT
        for part in parts:
            thing = thing[part]
    return thing


def references(thing):
    """All $refs in it."""
    if isinstance(thing, dict):
        if isinstance(thing.get("$ref"), str):
            yield thing["$ref"]
        for part in thing.values():
            yield from references(part)
    elif isinstance(thing, list):
        for part in thing:
            yield from references(part)


def validate(value, schema, what):
    checker = jsonschema.Draft202012Validator({**closed(schema), **CLOSED})
    errors = [f"{'/'.join(map(str, error.absolute_path))}: {error.message}" for error in checker.iter_errors(value)]
    assert not errors, f"{what}: {errors}"


class Operation:
    def __init__(self, path, method, shared, said):
        self.path, self.method, self.said = path, method.upper(), said
        self.id, self.program = said["operationId"], said["x-program"]
        self.parameters = [resolved(parameter) for parameter in [*shared, *said.get("parameters", [])]]
        self.responses = {int(status): resolved(response) for status, response in said["responses"].items()}
        self.who = self.least(said["security"])
        self.body = resolved(said["requestBody"])["content"] if "requestBody" in said else {}

    @staticmethod
    def least(security):
        """The role that is enough, as --routes says it."""
        roles = {role for requirement in security for roles in requirement.values() for role in roles}
        return "anyone" if {} in security or not roles else min(roles, key=ROLES.index)

    def programs(self):
        return PROGRAMS if self.program == "every" else (self.program,)

    def nobodys_values(self):
        """For its path: ids that could be and are not."""
        return [str(uuid.UUID(int=0)) if parameter["schema"].get("format") == "uuid" else "999999999"
                for parameter in self.parameters if parameter["in"] == "path"]

    def route(self):
        return self.method, self.path, self.who


OPERATIONS = {said["operationId"]: Operation(path, method, item.get("parameters", []), said)
              for path, item in DOCUMENT["paths"].items() for method, said in item.items() if method in METHODS}


EXAMPLES = {}  # of each operation: functions that get a World


def example(operation):
    def keep(function):
        EXAMPLES.setdefault(operation, []).append(function)
        return function
    return keep


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body


class World:
    """A stack, asked as the document says and believed only when it answers so."""

    def __init__(self, stack):
        self.stack = stack
        self.seen = set()  # (operation, status)
        self.made_keys = {}  # by their role

    def call(self, operation, *values, status, meanwhile=None, query=None, body=None, key=None, headers=None, program=None,
             content_type=None):
        """values: of the path, in order. key: of which role; by default the one that is needed; wrong; none. It is none for who
        comes with a session's headers. meanwhile: what may be answered a few times before the status."""
        operation = OPERATIONS[operation]
        if content_type is None and body is not None:
            content_type = next(iter(operation.body))
        if status < 400 and body is not None:
            validate(body, operation.body[content_type]["schema"], f"what is sent to {operation.id}")
        if key is None:
            key = "none" if headers and "Cookie" in headers else "client" if operation.who == "user" else operation.who
        for _ in range(10):
            answer = self.ask(operation, values, query, body, key, headers or {}, program, content_type)
            if answer.status != meanwhile:
                break
        assert answer.status == status, (operation.id, answer.status, answer.body)
        self.check(operation, answer)
        self.seen.add((operation.id, status))
        return answer

    def ask(self, operation, values, query, body, key, headers, program, content_type):
        values = iter(values)
        path = re.sub(r"\{\w+\}", lambda _: urllib.parse.quote(str(next(values)), safe=""), operation.path)
        if query:
            path += "?" + (query if isinstance(query, str) else urllib.parse.urlencode(query))
        if key not in ("anyone", "none"):
            headers = {**headers, "Authorization": f"Bearer {self.key(key)}"}
        if body is not None:
            headers = {**headers, "Content-Type": content_type}
        name = program or operation.programs()[0]
        port = self.stack.port(name if name == "publisher" else f"{name}-1")
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=15)
        connection.request(operation.method, path, body if body is None or isinstance(body, str) else json.dumps(body), headers)
        answer = connection.getresponse()
        is_endless = (answer.headers["Content-Type"] or "").startswith("text/event-stream")
        text = answer.readline() if is_endless else answer.read()
        connection.close()
        return Answer(answer.status, answer.headers, text)

    @staticmethod
    def check(operation, answer):
        what = f"{operation.id} {answer.status}"
        assert answer.status in operation.responses, f"{what} is not described: {answer.body}"
        described = operation.responses[answer.status]
        headers = described.get("headers", {})
        unknown = {name.lower() for name in answer.headers} - GENERAL_HEADERS - {name.lower() for name in headers}
        assert not unknown, f"{what} has headers that are not described: {unknown}"
        for name, header in headers.items():
            header = resolved(header)
            assert not header.get("required") or name in answer.headers, f"{what} has no {name}"
            if name in answer.headers:
                validate(answer.headers[name], header["schema"], f"{what} {name}")
        content = described.get("content", {})
        given = (answer.headers["Content-Type"] or "").partition(";")[0]
        assert given in content if content else not answer.body, f"{what} is of type {given!r}"
        if given.endswith("json"):
            answer.body = json.loads(answer.body)
            validate(answer.body, content[given]["schema"], what)
        if given == "application/problem+json":
            assert answer.body["status"] == answer.status

    @staticmethod
    def check_events(operation, events):
        """What a stream tells, and that it tells each kind."""
        described = OPERATIONS[operation].responses[200]["content"]["text/event-stream"]["x-events"]
        for name, data in events:
            assert name in described, f"{name} is not described"
            validate(data, described[name], f"{operation} {name}")
        assert {name for name, _ in events} == set(described)

    # ---- what examples need ----

    def key(self, role):
        if role == "wrong":
            return "krc_client_wrong"
        if role == "gate" and role not in self.made_keys:
            self.made_keys[role] = self.call("addKey", status=201, body={"role": role, "name": f"{role} {new_id()}"}).body["key"]
        return self.made_keys.get(role) or self.stack.env[f"{role.upper()}_KEY"]

    def user(self, **members):
        return self.call("addUser", status=201, body={"name": f"user-{new_id()[:8]}", **members}).body["name"]

    def session(self, name=None, **members):
        """The headers that bring a session along: a new user's, who is a guest without a password."""
        body = {"name": name or f"user-{new_id()[:8]}", **members}
        return {"Cookie": self.call("logIn", status=201, body=body).headers["Set-Cookie"].partition(";")[0]}

    def show(self, **members):
        show = {"id": f"show-{new_id()[:8]}", "title": "Wayang", "price": PRICE, **({"seats": ["A1", "A2"]} | members)}
        return self.call("addShow", status=201, body=show).body["id"]

    def booked(self, show, status, **asked):
        booking = new_id()
        self.stack.xadd({"booking_id": booking, "user": "ayu", "show": show, **asked})
        self.stack.wait_for(booking, status)
        return booking

    def confirmed(self, show, seat):
        return self.booked(show, "CONFIRMED", seats=seat)

    def dead_letter(self, **fields):
        entry = self.stack.xadd({"user": "a b", "show": "demo", "seat": "A1", **fields})
        return wait_until(lambda: self.stack.rows("SELECT dead_letter_id FROM log.dead_letters WHERE entry_id = %s", entry),
                          "the letter is kept")[0][0]

    @contextlib.contextmanager
    def nobody_decides(self):
        """A while in which requests are only accepted."""
        self.stack.remove("ticket-worker-1")
        yield
        self.stack.add("ticket-worker")
        self.stack.wait_drained()
