"""How long it takes an office to find calls in a ledger of millions and to explain one.

usage: calls.py [--count 6000000] [--days 2] [--requests 60] [--folder DIR]

Makes a ledger (`tosqauyl calls generate`, so many calls within so many days), starts `tosqauyl office serve` over it and asks over
HTTP with an analyst's key: the newest calls of a day, further pages, by verdict, reason, rule, trunk, country, number and Call-ID,
and single calls with their explanation. --folder keeps the ledger and uses it again. Prints Markdown; fails where p95 is over
300 ms or an answer is not the expected one.
"""

import argparse
import json
import math
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

from office import ADMIN, Access, Client, asked, served
from office_asks import ANALYST, Ask, Kind
from office_store import Sqlite

from gate import machine
from tosqauyl.ledger.columns import TIME
from tosqauyl.ledger.engine import Means, connect
from tosqauyl.ledger.keep import replace_files, rewrite
from tosqauyl.ledger.store import Store
from tosqauyl.registry import keys
from tosqauyl.registry.migrate import create
from tosqauyl.registry.store import Registry
from tosqauyl.registry.vault import add_key, load_vault
from tosqauyl.tokens import load_key

BAR_MS = 300.0
FIRST = date(2026, 3, 2)
MANY = 200
"""Calls whose ids, numbers and so on are drawn from."""


def prepare(folder: Path, count: int, days: int) -> None:
    """Make ledger, key and an empty office, as far as they are not there."""
    ledger = folder / "ledger"
    if not (ledger / "manifest.json").exists():
        last = FIRST + timedelta(days - 1)
        command = [sys.executable, "-m", "tosqauyl", "calls", "generate", "--count", str(count), "--out", str(ledger)]
        subprocess.run([*command, "--from", str(FIRST), "--to", str(last)], check=True, stdout=sys.stderr)
        sort(Store(ledger))
    load_key(folder / "token.key")
    store = Sqlite(folder)
    if not store.file.exists():
        add_key(folder / "vault.keys")
        registry = Registry(store.url, load_vault(folder / "vault.keys"), lambda: time.time_ns() // 1_000_000)
        create(registry.engine, "0" * 32, time.time_ns() // 1_000_000)
        registry.close()


def sort(store: Store) -> None:
    """Sort each file by time, as `ledger take` leaves what it merged."""
    con = connect(Means("4GB"), store.folder)
    for one in list(store.manifest().of("calls")):
        with store.draft() as draft:
            made = rewrite(store, con, [one], lambda select: f"{select} ORDER BY {TIME}, origin, batch, line", draft)
            replace_files(store, [one], made, draft, time.time())
    con.close()
    store.sweep(math.inf)


def window(day: date, hours: int = 24, begin: int = 0) -> dict[str, object]:
    """Hours of a day as the API takes them."""
    since = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=5) + timedelta(hours=begin)
    return {"since": since.isoformat(), "until": (since + timedelta(hours=hours)).isoformat()}


def search(**said: object) -> Ask:
    """A search."""
    return Ask("/v1/calls:search", dict(said))


class Known:
    """Calls that are there, to ask for by what they have. days: of the ledger."""

    def __init__(self, client: Client, days: list[date], seed: int) -> None:
        self.client, self.days, self.dice = client, days, random.Random(seed)
        self.calls = self._drawn()
        self.numbers = self._clear()

    def _drawn(self) -> list[dict[str, str]]:
        found: list[dict[str, str]] = []
        while len(found) < MANY:
            one = search(**window(self.day(), 1, self.dice.randrange(24)), limit=20)
            found += json.loads(self.client.ask(one)[2])["items"]
        return found

    def _clear(self) -> list[str]:
        """Calling numbers in clear of some of the calls: as whoever complains tells them."""
        bodies = [
            self.client.ask(Ask(f"/v1/calls/{one['id']}:open", {"purpose": "bench of searches"}))[2]
            for one in self.some(40)
        ]
        return [number for one in bodies if (number := json.loads(one)["values"].get("caller", ""))]

    def day(self) -> date:
        """Any day."""
        return self.dice.choice(self.days)

    def some(self, count: int) -> list[dict[str, str]]:
        """Some of the calls."""
        return self.dice.sample(self.calls, count)

    def value(self, name: str) -> str:
        """A value that some call has."""
        return self.dice.choice([one[name] for one in self.calls if one[name]] or [""])


def kinds(known: Known) -> Iterator[Kind]:
    """Everything that is asked."""

    def kind(name: str, make: Callable[[], Ask]) -> Kind:
        return Kind(name, BAR_MS, lambda _number: make())

    def day(**said: object) -> Ask:
        return search(**window(known.day()), **said)

    yield kind("newest of a day", day)
    yield kind("newest 200 of a day", lambda: day(limit=200))
    yield kind("an hour of a day", lambda: search(**window(known.day(), 1, known.dice.randrange(24))))
    yield kind("a page in the middle of a day", lambda: _later(known))

    def by(*names: str) -> Ask:
        return day(**{name: known.value(name) for name in names})

    for name in ("verdict", "reason", "rule", "trunk", "carrier", "country"):
        yield kind(f"a day, by {name}", partial(by, name))
    yield kind("a day, by verdict, trunk and country", partial(by, "verdict", "trunk", "country"))
    yield kind("a day, a rule that no call has", lambda: day(rule="none-has-it"))
    yield kind("a day, by calling number", lambda: day(calling=known.dice.choice(known.numbers)))
    yield kind(
        "a day, a calling number that no call has", lambda: day(calling=f"+7700{known.dice.randrange(10**7):07}")
    )
    yield kind("a day, a called number that no call has", lambda: day(called=f"+7700{known.dice.randrange(10**7):07}"))
    yield kind("a day, by a Call-ID that no call has", lambda: day(sip_call_id=f"none-{known.dice.random()}"))
    yield kind("one call explained", lambda: Ask(f"/v1/calls/{known.value('id')}"))


def _later(known: Known) -> Ask:
    """The page after some call."""
    one = known.dice.choice(known.calls)
    at = datetime.fromisoformat(one["at"]) + timedelta(hours=5)
    return search(**window(at.date()), cursor=one["id"])


def run(folder: Path, options: argparse.Namespace) -> bool:
    """Ask everything; prints the table. Whether every bar was kept."""
    store = Sqlite(folder)
    registry = Registry(store.url, load_vault(folder / "vault.keys"), lambda: time.time_ns() // 1_000_000)
    with registry.work(ADMIN) as work:
        key = keys.add(work, keys.NewKey("centre", f"bench {time.time_ns()}", ANALYST))[1]
    registry.close()
    state, well = Store(folder / "ledger").manifest(), True
    days = [FIRST + timedelta(one) for one in range(options.days)]
    print(f"{machine()}\n\n{state.rows('calls'):,} calls of {len(days)} days in {len(list(state.of('calls')))} files\n")
    more = '[ledger]\nfolder = "ledger"\ntoken_keys = ["token.key"]\n'
    with served(folder, store, more) as (port, _process):
        client = Client(port, Access({"": {}, ANALYST: {"Authorization": f"Bearer {key}"}}))
        known = Known(client, days, options.seed)
        print("| what | p50 | p95 | slowest | |\n| --- | ---: | ---: | ---: | --- |")
        for kind in kinds(known):
            one = asked(client, kind, options.requests)
            good = not one["failed"] and one["p95"] <= kind.bar
            well = well and good
            word = "ok" if good else f"missed, {one['failed']:.0f} failed"
            print(
                f"| {kind.name} | {one['p50']:.0f} ms | {one['p95']:.0f} ms | {one['most']:.0f} ms | {word} |",
                flush=True,
            )
    return well


def main() -> int:
    """Command line."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--count", type=int, default=6_000_000)
    options.add_argument("--days", type=int, default=2)
    options.add_argument("--requests", type=int, default=60)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--folder", type=Path)
    said = options.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = said.folder or Path(made)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        prepare(folder, said.count, said.days)
        return 0 if run(folder, said) else 1


if __name__ == "__main__":
    sys.exit(main())
