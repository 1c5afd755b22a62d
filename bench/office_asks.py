"""What bench/office.py asks an office: lists with filters that many, few or no rows fit, searches, work, checks by the public."""

import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from office_rows import (
    NEVER,
    REGIONS,
    SCHEMES,
    SENDERS,
    Size,
    incident_id,
    indicator_id,
    observable_id,
    popular,
    state_of,
    value_of,
)

from tosqauyl.registry.ids import new_id
from tosqauyl.registry.words import INCIDENT_MOVES, REPORT_MOVES

LISTS_MS, CHECK_MS = 300.0, 20.0
SIGNED, ANALYST, OPERATOR, BANK = "supervisor", "analyst", "operator", "bank"
STATES, INCIDENT_STATES = tuple(REPORT_MOVES), tuple(INCIDENT_MOVES)


@dataclass(frozen=True, slots=True)
class Ask:
    """One request. who: SIGNED by session, '' nobody, else by key; address: it comes from."""

    path: str
    body: dict[str, object] | None = None
    who: str = ANALYST
    address: str = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Kind:
    """Requests of one kind. bar: most milliseconds at p95, 0 for none; make: a request by number; most: requests of it, where
    the shipped limits give no more."""

    name: str
    bar: float
    make: Callable[[int], Ask]
    most: int = 1 << 30


def kinds(size: Size, seed: int) -> Iterator[Kind]:
    """Everything that is asked."""
    dice = random.Random(seed)

    def place(part: float = 1.0) -> str:
        return str(new_id(size.at(dice.random() * part)))

    def listed(what: str, who: str = ANALYST, **values: object) -> Ask:
        return Ask(f"/v1/{what}?{urlencode(values)}" if values else f"/v1/{what}", None, who)

    yield from _of_reports(size, dice, place, listed)
    yield from _of_cases(size, dice, place, listed)
    yield from _of_checks(size, dice)
    yield from _of_figures(size, dice, listed)


def _of_reports(
    size: Size, dice: random.Random, place: Callable[..., str], listed: Callable[..., Ask]
) -> Iterator[Kind]:
    def words(names: tuple[str, ...]) -> dict[str, str]:
        known = {
            "state": STATES, "scheme": [one for one, _ in SCHEMES[:-1]], "region": [one for one, _ in REGIONS[:-1]],
            "reporter": sorted({one for _, one, _ in SENDERS}),
        }  # fmt: skip
        return {name: dice.choice(known[name]) for name in names}

    def some(count: int) -> dict[str, str]:
        return words(tuple(dice.sample(("state", "scheme", "region", "reporter"), count)))

    def days(most: int) -> dict[str, str]:
        first = size.at(dice.random())
        return {"since": _moment(first), "until": _moment(first + dice.randrange(1, most + 1) * 86_400_000)}

    def never(number: int) -> dict[str, str]:
        scheme, region = NEVER[number % len(NEVER)]
        return {"scheme": scheme, "region": region}

    def named(at: int, **more: object) -> Ask:
        kind, value = value_of(at)
        return Ask("/v1/reports:search", {"observable": {"kind": kind, "value": value}, **more})

    def filtered(name: str, make: Callable[[int], dict[str, str]], who: str = ANALYST) -> Kind:
        return Kind(f"reports: {name}", LISTS_MS, lambda number: listed("reports", who, **make(number)))

    yield filtered("first page", lambda _: {})
    yield filtered("a page far down", lambda _: {"cursor": place()})
    yield filtered("one filter", lambda _: some(1))
    yield filtered("one filter, a page far down", lambda _: some(1) | {"cursor": place()})
    yield filtered("two filters", lambda _: some(2))
    yield filtered("three filters", lambda _: some(3))
    yield filtered("four filters", lambda _: some(4))
    yield filtered("scheme and region of no report", never)
    yield filtered(
        "... and in a state, a page far down", lambda number: never(number) | words(("state",)) | {"cursor": place()}
    )
    yield filtered("up to 30 days", lambda _: days(30))
    yield filtered("up to a year, two filters", lambda _: days(365) | some(2))
    yield filtered("an operator's own", lambda _: {}, OPERATOR)
    yield filtered("an operator's own, one filter", lambda _: some(1), OPERATOR)
    yield filtered("an operator's own, two filters", lambda _: some(2), OPERATOR)
    yield filtered("an operator's own, scheme and region of none", never, OPERATOR)
    yield Kind("reports by number: the most named", LISTS_MS, lambda number: named(number % 4 * 20))
    yield Kind("reports by number: the most named, filters", LISTS_MS, lambda number: named(number % 4 * 20, **some(2)))
    yield Kind(
        "reports by number: in few",
        LISTS_MS,
        lambda _: named(size.observables - 1 - dice.randrange(size.observables // 3)),
    )
    yield Kind(
        "reports by number: in none", LISTS_MS, lambda number: named(size.observables * 2 // 20 * 20 + number * 20)
    )
    yield Kind(
        "reports of a case",
        LISTS_MS,
        lambda _: listed("reports", incident=incident_id(size, dice.randrange(size.incidents))),
    )


def _of_cases(size: Size, dice: random.Random, place: Callable[..., str], listed: Callable[..., Ask]) -> Iterator[Kind]:
    def case(names: tuple[str, ...]) -> dict[str, object]:
        known = {
            "state": INCIDENT_STATES, "scheme": [one for one, _ in SCHEMES[:-1]], "region": [one for one, _ in REGIONS[:-1]],
            "late": ["true"],
        }  # fmt: skip
        return {name: dice.choice(known[name]) for name in names}

    def indicator(count: int) -> dict[str, object]:
        known = {
            "state": ("draft", "proposed", "active", "decayed", "revoked"), "verdict": ("fraud", "suspect", "clean", "protected"),
            "scheme": [one for one, _ in SCHEMES[:-1]], "source": ("report", "operator", "centre", "ledger"),
        }  # fmt: skip
        return {name: dice.choice(known[name]) for name in dice.sample(sorted(known), count)}

    def pick(*names: str) -> tuple[str, ...]:
        return tuple(dice.sample(names, 2))

    def one(name: str, make: Callable[[], Ask]) -> Kind:
        return Kind(name, LISTS_MS, lambda _: make())

    yield one("cases: first page", lambda: listed("incidents"))
    yield one("cases: a page far down", lambda: listed("incidents", cursor=place()))
    yield one(
        "cases: one filter",
        lambda: listed("incidents", **case(tuple(dice.sample(("state", "scheme", "region", "late"), 1)))),
    )
    yield one("cases: two filters", lambda: listed("incidents", **case(pick("state", "scheme", "region", "late"))))
    yield one("cases: late, a page far down", lambda: listed("incidents", late="true", cursor=place()))
    yield one(
        "cases: a bank's own, two filters",
        lambda: listed("incidents", SIGNED, **case(pick("state", "scheme", "region"))),
    )
    yield one("indicators: first page", lambda: listed("indicators"))
    yield one("indicators: a page far down", lambda: listed("indicators", cursor=place()))
    yield one("indicators: one filter", lambda: listed("indicators", **indicator(1)))
    yield one("indicators: two filters", lambda: listed("indicators", **indicator(2)))
    yield one("indicators: three filters", lambda: listed("indicators", **indicator(3)))
    yield one(
        "indicators: of one observable",
        lambda: listed("indicators", observable=observable_id(size, dice.randrange(size.indicators))),
    )
    yield one(
        "one indicator with its evidence",
        lambda: listed(f"indicators/{indicator_id(size, popular(dice, replace(size, reports=0)))}"),
    )
    yield one("worklist of a supervisor", lambda: listed("worklist", SIGNED))
    yield one("worklist of a supervisor, late", lambda: listed("worklist", SIGNED, late="true"))
    yield one("worklist of an operator", lambda: listed("worklist", OPERATOR))
    yield one("checks of numbers", lambda: listed("checks", OPERATOR, state=dice.choice(("open", "decided", "told"))))
    yield one("checks of numbers, late", lambda: listed("checks", OPERATOR, late="true"))
    yield one("actions", lambda: listed("actions", OPERATOR))
    yield one(
        "appeals", lambda: listed("appeals", SIGNED, state=dice.choice(("proven", "upheld", "rejected", "withdrawn")))
    )


def _of_checks(size: Size, dice: random.Random) -> Iterator[Kind]:
    def known() -> int:
        while True:
            at = dice.randrange(size.indicators)
            if state_of(at) == "active":
                return at

    def unknown(number: int) -> int:
        """Half of them were never reported, the others have no indicator."""
        return size.indicators + dice.randrange(size.reports // 10) if number % 2 else size.observables + 1 + number

    def check(at: int, number: int, block: int) -> Ask:
        kind, value = value_of(at)
        return Ask(
            "/v1/public/check", {"kind": kind, "value": value}, "", f"127.{block}.{number // 250}.{1 + number % 250}"
        )

    tag = os.getpid() % 100 + 1
    yield Kind("public check: known", CHECK_MS, lambda number: check(known(), number // 4, tag))
    yield Kind("public check: unknown", CHECK_MS, lambda number: check(unknown(number), number // 4, tag + 100))

    def fifty() -> Ask:
        items = [dict(zip(("kind", "value"), value_of(known()), strict=True)) for _ in range(50)]
        return Ask("/v1/lookups", {"items": items}, BANK)

    yield Kind(
        "lookup by a bank: 50 at once, known",
        LISTS_MS,
        lambda number: fifty() if number % 2 else replace(fifty(), who=OPERATOR),
        most=160,  # a bucket holds a hundred of them
    )


def _of_figures(size: Size, dice: random.Random, listed: Callable[..., Ask]) -> Iterator[Kind]:
    last = datetime.fromtimestamp(size.now / 1000, UTC).date()

    def figure(days: int, **more: object) -> Ask:
        name = dice.choice(("reports", "victims", "damage"))
        return listed(f"statistics/figures/{name}", first=last - timedelta(days), last=last, **more)

    yield Kind("statistics: a year by month and scheme", 0, lambda _: figure(365, by="scheme", step="month"))
    yield Kind("statistics: 30 days by day and region", 0, lambda _: figure(30, by="region", step="day"))
    yield Kind("statistics for everybody", 0, lambda _: Ask("/v1/public/statistics", who=""))


def _moment(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
