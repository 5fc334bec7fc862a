"""Asking over HTTP as somebody: with a key, with a session's cookie, or as nobody."""
import http.client
import json


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body
        is_json = "json" in (headers.get("Content-Type") or "")
        self.json = json.loads(body) if body and is_json else None

    def __repr__(self):
        return f"{self.status} {self.body!r}"


class Caller:
    """Somebody who asks. What the programs set as a cookie is sent from then on, as a browser would."""

    def __init__(self, stack, key=None, cookie=None, **headers):
        self.stack, self.key, self.cookie, self.headers = stack, key, cookie, headers

    def ask(self, program, method, path, body=None, **headers):
        sent = {"Content-Type": "application/json"} if body is not None else {}
        sent.update({name.replace("_", "-"): value for name, value in {**self.headers, **headers}.items()})
        if self.key:
            sent["Authorization"] = f"Bearer {self.key}"
        if self.cookie:
            sent["Cookie"] = f"karcis_session={self.cookie}"
        connection = http.client.HTTPConnection("127.0.0.1", self.stack.port(program), timeout=60)
        try:
            connection.request(method, path, None if body is None else json.dumps(body), sent)
            answer = connection.getresponse()
            return self._remember(Answer(answer.status, answer.headers, answer.read()))
        finally:
            connection.close()

    def _remember(self, answer):
        assert answer.headers["X-Request-Id"]
        said = answer.headers["Set-Cookie"]
        if said:
            self.cookie = said.split(";")[0].split("=", 1)[1] or None
        return answer

    def get(self, path, **headers):
        """From the read side."""
        return self.ask("aggregator-1", "GET", path, **headers)

    def post(self, path, body, **headers):
        return self.ask("publisher", "POST", path, body, **headers)

    def patch(self, path, body, **headers):
        return self.ask("publisher", "PATCH", path, body, **headers)

    def delete(self, path, **headers):
        return self.ask("publisher", "DELETE", path, **headers)


def admin(stack):
    return Caller(stack, stack.env["ADMIN_KEY"])


def client(stack):
    return Caller(stack, stack.env["CLIENT_KEY"])


def nobody(stack):
    return Caller(stack)
