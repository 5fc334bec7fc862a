"""Looking at a stack the way its watchers do: over HTTP, at the aggregator."""
import json
import urllib.parse
from datetime import datetime, timedelta


def at(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


class Window:
    def __init__(self, stack, program="aggregator-1"):
        self.stack, self.program = stack, program

    def get(self, path):
        """(status, JSON)"""
        status, answer = self.stack.http("GET", self.stack.port(self.program), path, timeout=15)
        return status, json.loads(answer)

    def as_of(self, path, text, later=timedelta()):
        """A history as of the moment that the text says, or so much later."""
        moment = (at(text) + later).isoformat()
        status, answer = self.get(f"{path}?as_of={urllib.parse.quote(moment)}")
        assert status == 200, answer
        return answer


def walk(window, path, limit=None):
    """All items of a list, page by page."""
    items, after = [], None
    while True:
        query = urllib.parse.urlencode({name: value for name, value in (("limit", limit), ("after", after)) if value})
        status, page = window.get(f"{path}{'&' if '?' in path else '?'}{query}")
        assert status == 200, page
        assert limit is None or len(page["items"]) <= limit
        items += page["items"]
        after = page["next"]
        if after is None:
            return items
