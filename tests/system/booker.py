"""A client of the publisher that looks at headers, waits, and repeats itself."""
import http.client
import json

import pytest


class Booker:
    def __init__(self, stack):
        self.stack = stack

    def post(self, path, body, key="CLIENT_KEY", port=None, timeout=40, **headers):
        """(status, headers, what was answered). Headers are named as in Python: idempotency_key="k", prefer="wait=5"."""
        sent = {"Content-Type": "application/json", "Authorization": f"Bearer {self.stack.env[key]}",
                **{name.replace("_", "-"): value for name, value in headers.items()}}
        text = body if isinstance(body, (str, type(None))) else json.dumps(body)
        connection = http.client.HTTPConnection("127.0.0.1", port or self.stack.port("publisher"), timeout=timeout)
        try:
            connection.request("POST", path, text, sent)
            answer = connection.getresponse()
            return answer.status, answer.headers, json.loads(answer.read() or "null")
        finally:
            connection.close()

    def book(self, show, seat=None, user="ayu", **headers):
        return self.post("/bookings", {"user": user, "show": show, **({"seats": [seat]} if seat else {"quantity": 1})}, **headers)

    def get(self, path):
        status, answer = self.stack.http("GET", self.stack.port("aggregator-1"), path, timeout=20)
        return status, json.loads(answer)


@pytest.fixture
def booker(stack):
    return Booker(stack)
