"""Every page of the office that is looked at, over its large data sets: how long the server takes for each.

usage: pages.py [--database sqlite|postgresql] [--reports 1000000] [--indicators 1000000] [--calls 1000000] [--requests 40]
                [--folder DIR] [--only PATH] [--small]

Makes the database as bench/office.py does and a ledger of so many calls (`tosqauyl calls generate`), starts `tosqauyl office
serve` and asks for every page of the table of pages with the session of somebody who may see it, over one connection, in Kazakh.
Pages of one record are asked for records of all two years, taken from the database, or for those that the list before them links
to. --small is for a quick look: 20,000 reports and calls. PostgreSQL is meant for --reports 10000000. Prints Markdown; fails where
p95 of a page is over 300 ms, or a page does not answer with what it should.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import cycle
from pathlib import Path
from typing import Any

from office import ADMIN, PASSWORD, Access, Client, fill, served, sign_in
from office_asks import Ask
from office_rows import Size
from office_store import Postgresql, Sqlite
from sqlalchemy import select

from gate import machine
from tosqauyl.registry import accounts, conditions, decisions, observables, webhooks
from tosqauyl.registry.actor import ROLE_SCOPES
from tosqauyl.registry.ids import new_id
from tosqauyl.registry.passwords import PasswordRules, Passwords
from tosqauyl.registry.store import Registry
from tosqauyl.registry.tables import (
    Account,
    Action,
    Appeal,
    Condition,
    Incident,
    Indicator,
    NumberCheck,
    Report,
    Webhook,
)
from tosqauyl.registry.vault import load_vault
from tosqauyl.web.access import SESSION
from tosqauyl.web.caller import PUBLIC
from tosqauyl.web.pages.every import all_pages
from tosqauyl.web.pages.routing import Served

BAR_MS = 300.0
SMALL = 20_000
WARM = 3
LANGUAGE = "kk"
WHO = (("supervisor", "centre"), ("operator", "kcell"), ("admin", "centre"), ("auditor", "centre"))
"""Who looks: the first one that has the page's scope."""
TABLES: dict[str, Any] = {
    "report_id": Report, "incident_id": Incident, "indicator_id": Indicator, "appeal_id": Appeal, "check_id": NumberCheck,
    "action_id": Action, "condition_id": Condition, "account_id": Account, "webhook_id": Webhook,
}  # fmt: skip
"""Name in a page's address -> whose id it is."""
RECORDS = 20
"""Of each table, spread over the two years."""
SETTINGS = '[demo]\ntour = true\n[ledger]\nfolder = "ledger"\n'
NOT_ASKED = frozenset({"/office/sign-in/sso", "/office/code", "/office/authenticator", "/office/password"})
"""Pages of somebody who is half signed in: they lead away whoever is."""
EDITED = "/office/indicators/{indicator_id}/edit"
"""Only a draft can be."""
_NAMED = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Place:
    """A page and the addresses under which it is asked for; who: the role, '' for anybody."""

    path: str
    who: str
    addresses: tuple[str, ...]


def let_in(registry: Registry, who: tuple[tuple[str, str], ...] = WHO) -> dict[str, str]:
    """Role -> login of a new account. who: role and organisation of each."""
    logins = {}
    for role, organisation in who:
        with registry.work(ADMIN) as work:
            wanted = accounts.NewAccount(f"page{role}{time.time_ns()}", role, organisation)
            account, token = accounts.add(work, wanted)
        accounts.set_up(registry, Passwords(PasswordRules()), token, PASSWORD)
        logins[role] = account.login
    return logins


def records(registry: Registry, size: Size) -> dict[str, list[str]]:
    """Name in an address -> ids of some records of all two years."""
    found: dict[str, list[str]] = {"step": ["1", "8"]}
    with registry.read(ADMIN) as work:
        for name, table in TABLES.items():
            parts = [new_id(size.at(part / RECORDS), bytes(10)) for part in range(RECORDS)]
            queries = (select(table.id).where(table.id >= one).order_by(table.id).limit(1) for one in parts)
            ids = [str(one) for query in queries if (one := work.db.scalars(query).first()) is not None]
            if ids:
                found[name] = sorted(set(ids))
        drafts = select(Indicator.id).where(Indicator.state == "draft").order_by(Indicator.id).limit(RECORDS)
        found[EDITED] = [str(one) for one in work.db.scalars(drafts)]
    return found


def add_few(registry: Registry) -> None:
    """What the filled database has none of: an indicator that is a draft, a condition, a webhook."""
    with registry.work(ADMIN) as work:
        number = observables.observe(work, "phone", "+77010000001")
        reasons = ({"slug": "reported", "text": "named by several people"},)
        decisions.draft(work, decisions.Proposal(number.id, "suspect", "mark", reasons=reasons))
        conditions.allow(work, number.id, "a bench", 0)
        webhooks.register(work, "https://bench.example/hook", ["indicator.approved"])


def who_sees(page: Served) -> str | None:
    """The role whose session is shown; '' for none, None where nobody has the scope."""
    if page.scope == PUBLIC:
        return ""
    if page.scope == SESSION:
        return WHO[0][0]
    return next((role for role, _ in WHO if page.scope in ROLE_SCOPES[role]), None)


def places(known: dict[str, list[str]], client: Client) -> Iterator[Place]:
    """Every page that is looked at; one whose record nobody knows has no address."""
    for page in all_pages().served:
        if page.method != "GET" or page.path in NOT_ASKED:
            continue
        who, names = who_sees(page), _NAMED.findall(page.path)
        if who is None:
            yield Place(page.path, "", ())
        elif not names:
            yield Place(page.path, who, (page.path,))
        else:
            ids = known.get(page.path) or known.get(names[0]) or linked(client, page.path, who)
            yield Place(page.path, who, tuple(page.path.replace(f"{{{names[0]}}}", one) for one in ids))


def linked(client: Client, path: str, who: str) -> list[str]:
    """What the nearest page above links to in place of the name in a page's address."""
    before, found = path.partition("/{")[0], list[str]()
    above = before
    while not found and above.count("/") > 1:
        status, _, body = client.ask(Ask(f"/{LANGUAGE}{above}", None, who))
        if status == 200:
            found = re.findall(rf'href="/{LANGUAGE}{re.escape(before)}/([0-9A-Za-z_.-]{{8,}})["?#]', body.decode())
        above = above.rpartition("/")[0]
    return list(dict.fromkeys(found))[:RECORDS]


def asked(client: Client, place: Place, requests: int) -> dict[str, float]:
    """Figures of so many requests of a page, each of the next address."""
    times, failed = [], 0
    for number, path in zip(range(WARM + requests), cycle(place.addresses), strict=False):
        status, took, body = client.ask(Ask(f"/{LANGUAGE}{path}", None, place.who))
        if status != 200:
            failed += 1
            if failed == 1:
                print(f"{path}: {status} {body[:300]!r}", file=sys.stderr, flush=True)
        if number >= WARM:
            times.append(took)
    times.sort()
    return {"p50": statistics.median(times), "p95": times[int(len(times) * 0.95)], "most": times[-1], "failed": failed}


def row(client: Client, place: Place, requests: int) -> bool:
    """Ask for a page and print its line; whether all is well."""
    if not place.addresses:
        print(f"| `{place.path}` | {place.who} | | | | no record to show |", flush=True)
        return True
    one = asked(client, place, requests)
    good = one["p95"] <= BAR_MS and not one["failed"]
    word = "ok" if good else f"missed, {one['failed']:.0f} failed"
    print(
        f"| `{place.path}` | {place.who} | {one['p50']:.1f} ms | {one['p95']:.1f} ms | {one['most']:.0f} ms | {word} |",
        flush=True,
    )
    return good


def run(folder: Path, store: Sqlite | Postgresql, size: Size, options: argparse.Namespace) -> bool:
    """Ask for every page; whether every bar was kept."""
    registry = Registry(store.url, load_vault(folder / "vault.keys"), lambda: time.time_ns() // 1_000_000)
    add_few(registry)
    logins, known = let_in(registry), records(registry, size)
    registry.close()
    with served(folder, store, SETTINGS) as (port, process):
        cookies = {role: {"Cookie": sign_in(port, login)} for role, login in logins.items()}
        client = Client(port, Access({"": {}} | cookies))
        time.sleep(options.settle)
        print("| page | who | p50 | p95 | slowest | bar: p95 300 ms |\n| --- | --- | ---: | ---: | ---: | --- |")
        found = [one for one in places(known, client) if one.path.startswith(options.only)]
        results = [row(client, one, options.requests) for one in found]
        status = Path(f"/proc/{process.pid}/status").read_text()
        print(f"\n{len(results)} pages; the office's memory: {int(status.split('VmHWM:')[1].split()[0]) / 1024:.0f} MB")
    return all(results)


def make_calls(folder: Path, calls: int) -> None:
    """A ledger of invented calls of the last month."""
    last = date.today() - timedelta(1)
    days = ("--from", str(last - timedelta(29)), "--to", str(last))
    words = ("calls", "generate", "--out", str(folder / "ledger"), "--count", str(calls), *days)
    subprocess.run([sys.executable, "-m", "tosqauyl", *words], check=True, stdout=sys.stderr)


def main() -> int:
    """Command line."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    for name in ("reports", "indicators", "calls"):
        arguments.add_argument(f"--{name}", type=int, default=1_000_000)
    arguments.add_argument("--requests", type=int, default=40)
    arguments.add_argument(
        "--settle", type=float, default=20.0, help="seconds for the office's jobs to run once (default 20)"
    )
    arguments.add_argument("--folder", type=Path)
    arguments.add_argument("--only", default="")
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--small", action="store_true")
    options = arguments.parse_args()
    if options.small:
        options.reports = options.indicators = options.calls = SMALL
        options.settle = 3.0
    with tempfile.TemporaryDirectory(prefix="tosqauyl-pages-") as name:
        folder = options.folder or Path(name)
        folder.mkdir(mode=0o700, exist_ok=True)
        store = Sqlite(folder) if options.database == "sqlite" else Postgresql(folder)
        try:
            return 0 if run(folder, store, made(folder, store, options), options) else 1
        finally:
            store.stop()


def made(folder: Path, store: Sqlite | Postgresql, options: argparse.Namespace) -> Size:
    """The data in the folder, made where they are not there."""
    file = folder / "made.json"
    if not file.exists():
        size = Size(options.reports, options.indicators, time.time_ns() // 1_000_000)
        fill(folder, store, size, options.seed)
        file.write_text(json.dumps([size.reports, size.indicators, size.now]))
    if not (folder / "ledger" / "manifest.json").exists():
        make_calls(folder, options.calls)
    size = Size(*json.loads(file.read_text()))
    print(f"{machine()}, {os.getloadavg()[0]:.1f} processes busy before\n")
    print(
        f"{options.database}, {size.reports:,} reports, {size.indicators:,} indicators, {store.size() / 1e9:.1f} GB\n"
    )
    return size


if __name__ == "__main__":
    sys.exit(main())
