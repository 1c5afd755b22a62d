"""Every page that can be looked at, found as people find it: by links, from the pages that need no id, for somebody of each role."""

import re
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import unescape
from html.parser import HTMLParser

import httpx

from tosqauyl.web.pages.every import all_pages
from tosqauyl.web.pages.routing import STAFF

MOST_OF_EACH = 12
"""Pages of one kind whose links are followed."""
AT_THE_DOOR = ("/office/sign-in", "/office/set-up")
NO_TEXTS = frozenset({"script", "style", "code", "pre"})
SAID_BY = ("aria-label", "placeholder", "alt", "title", "data-of")
LINK = re.compile(r'href="(/[^"#]*)')


@dataclass(frozen=True, slots=True)
class Found:
    """A page. route: as the code writes it, with {ids}; path: as it was found, without language; who: may see it."""

    route: str
    path: str
    who: str

    @property
    def name(self) -> str:
        """For files and test ids: office-reports-id."""
        word = re.sub(r"\{[a-z_]+\}", "id", self.route).strip("/").replace("/", "-")
        return word or "first"


def routes() -> list[str]:
    """The pages that are looked at, in their order."""
    return [one.path for one in all_pages().served if one.method == "GET"]


def crawl(clients: Mapping[str, httpx.Client], language: str = "en") -> dict[str, Found]:
    """Route -> the first page of it that somebody sees whole. clients: who -> its client; those who see most come first."""
    patterns = [(one, re.compile(re.sub(r"\{[a-z_]+\}", "[^/]+", one) + r"\Z")) for one in routes()]
    found: dict[str, Found] = {}
    for who, client in clients.items():
        waiting = deque(one for one in routes() if "{" not in one)
        known, counts = set(waiting), dict.fromkeys(routes(), 0)
        while waiting:
            path = waiting.popleft()
            route = next((one for one, pattern in patterns if pattern.match(path.partition("?")[0])), "")
            if not route or counts[route] >= MOST_OF_EACH:
                continue
            counts[route] += 1
            said = client.get(f"/{language}{path}")
            if said.status_code != 200 or "<html" not in said.text[:200]:
                continue
            if bool(who) == (route.startswith(STAFF) and route not in AT_THE_DOOR):
                found.setdefault(route, Found(route, path, who))
            for one in links(said.text, language):
                if one not in known:
                    known.add(one)
                    waiting.append(one)
    return found


def links(text: str, language: str) -> Iterable[str]:
    """Where a page leads, without language."""
    for one in LINK.findall(text):
        there = unescape(one)
        if there.startswith(f"/{language}/"):
            yield there.removeprefix(f"/{language}")


class Words(HTMLParser):
    """What a page says: texts and names of things, without code and what is marked as another language."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.said: list[str] = []
        self.language = ""
        self._skipped: list[str] = []
        self._open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "html":
            self.language = given.get("lang") or ""
        elif tag in NO_TEXTS or (given.get("lang") and given["lang"] != self.language):
            self._skipped.append(tag)
        if not self._skipped:
            self.said += [text for name in SAID_BY if (text := given.get(name))]

    def handle_endtag(self, tag: str) -> None:
        if self._skipped and self._skipped[-1] == tag:
            self._skipped.pop()

    def handle_data(self, data: str) -> None:
        if not self._skipped and data.strip():
            self.said.append(" ".join(data.split()))
