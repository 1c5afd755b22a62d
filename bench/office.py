"""An office with millions of reports under a light load of new ones: how long lists, searches and checks by the public take.

usage: office.py [--database sqlite|postgresql] [--reports 1000000] [--indicators 1000000] [--requests 300] [--folder DIR]

Makes a database (bench/office_store.py: SQLite, or a PostgreSQL of its own with fsync on), fills it in bulk (bench/office_rows.py
says what is real of the rows and what is shared), starts `tosqauyl office serve` and asks over HTTP (bench/office_asks.py) with
keys and a signed-in person. All the while a bank sends 5 reports a second. Public checks come from many addresses, so that the
shipped limits hold. --folder keeps the filled database and uses it again. --only NAME asks only what begins so. Prints Markdown;
fails where p95 of a list or search is over 300 ms, of a public check over 20 ms, or an answer is not the expected one.
"""

import argparse
import http.client
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from office_asks import ANALYST, BANK, CHECK_MS, OPERATOR, SIGNED, Ask, Kind, kinds
from office_rows import SCHEMES, Rows, Size, popular, value_of
from office_store import Postgresql, Sqlite

from gate import machine
from tosqauyl.registry import accounts, figures, keys
from tosqauyl.registry.actor import SYSTEM, Actor
from tosqauyl.registry.migrate import create
from tosqauyl.registry.passwords import PasswordRules, Passwords
from tosqauyl.registry.store import Registry
from tosqauyl.registry.vault import add_key, load_vault

RATE = 5
"""Reports a second that come in meanwhile."""
WARM = 20
PASSWORD = "a bench of wood stands in the yard"
ADMIN = Actor("shell:bench", "centre", role="admin", scopes=SYSTEM.scopes)


@dataclass(slots=True)
class Access:
    """How each of them says who they are: headers."""

    headers: dict[str, dict[str, str]] = field(default_factory=lambda: {"": {}})


class Client:
    """Asks an office, over a connection that stays open while the address is the same."""

    def __init__(self, port: int, access: Access) -> None:
        self.port, self.access, self.address = port, access, ""
        self.connection = http.client.HTTPConnection("127.0.0.1", port)

    def ask(self, one: Ask) -> tuple[int, float, bytes]:
        """Status, milliseconds, body."""
        if one.address != self.address:
            self.connection.close()
            self.address = one.address
            self.connection = http.client.HTTPConnection("127.0.0.1", self.port, source_address=(one.address, 0))
            self.connection.connect()
        headers = dict(self.access.headers[one.who])
        body = None if one.body is None else json.dumps(one.body)
        if body is not None:
            headers["Content-Type"] = "application/json"
        began = time.perf_counter()
        self.connection.request("GET" if body is None else "POST", one.path, body, headers)
        answer = self.connection.getresponse()
        found = answer.read()
        return answer.status, (time.perf_counter() - began) * 1000, found


class Writer(threading.Thread):
    """Sends reports until it is ended. times: milliseconds of each; failed: answers that were not 201."""

    def __init__(self, client: Client, size: Size) -> None:
        super().__init__(daemon=True)
        self.client, self.size, self.ended = client, size, threading.Event()
        self.times, self.failed = list[float](), 0

    def run(self) -> None:
        """One report each fifth of a second."""
        dice, due = random.Random(os.getpid()), time.monotonic()
        while not self.ended.wait(max(0.0, due - time.monotonic())):
            due += 1 / RATE
            kind, value = value_of(popular(dice, self.size))
            said = {
                "channel": "call", "observables": [{"kind": kind, "value": value}], "scheme": dice.choice(SCHEMES)[0],
                "reporter": "citizen", "text": f"A call in the name of a bank, {dice.random()}",
                "contact": f"+7701{dice.randrange(10**7):07d}",
            }  # fmt: skip
            status, took, _ = self.client.ask(Ask("/v1/reports", said, BANK))
            self.times.append(took)
            self.failed += status != 201


def fill(folder: Path, store: Sqlite | Postgresql, size: Size, seed: int) -> None:
    """Make the tables and the rows, count the figures' rollup."""
    add_key(folder / "vault.keys")
    registry = Registry(store.url, load_vault(folder / "vault.keys"), lambda: size.now)
    create(registry.engine, "0" * 32, size.now)
    registry.close()
    began = time.monotonic()
    for table, rows, seconds in store.fill(Rows(registry.vault, size, seed)):
        print(f"{table}: {rows:,} in {seconds:.1f} s", file=sys.stderr, flush=True)
    with registry.read(SYSTEM) as work:
        months = figures.to_roll_up(work)
    for month in months:
        with registry.work(SYSTEM) as work:
            figures.roll_up(work, month)
    registry.close()
    print(f"filled in {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)


def let_in(registry: Registry, store: Sqlite | Postgresql) -> dict[str, str]:
    """Keys of programs and a supervisor's password: who -> header."""
    roles = {ANALYST: ("centre", "analyst"), OPERATOR: ("kcell", "operator"), BANK: ("kaspi", "bank")}
    headers = {}
    with registry.work(ADMIN) as work:
        for who, (organisation, role) in roles.items():
            headers[who] = "Bearer " + keys.add(work, keys.NewKey(organisation, "bench", role))[1]
        login = f"sup{time.time_ns()}"
        _, token = accounts.add(work, accounts.NewAccount(login, "supervisor", "centre"))
    accounts.set_up(registry, Passwords(PasswordRules()), token, PASSWORD)
    return headers | {SIGNED: login}


def sign_in(port: int, login: str) -> str:
    """The cookie of a person who signed in."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    body = json.dumps({"login": login, "password": PASSWORD})
    connection.request("POST", "/v1/sign-in", body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    if answer.status != 200:
        raise RuntimeError(f"signing in: {answer.status} {answer.read()!r}")
    return str(answer.headers["set-cookie"]).partition(";")[0]


@contextmanager
def served(folder: Path, store: Sqlite | Postgresql, more: str = "") -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """The office as a person starts it; its port and process. more: further tables of its configuration."""
    settings = f'data = "office"\nkeys = "vault.keys"\ndatabase = "{store.url}"\nlisten = "127.0.0.1:0"\n'
    settings += "[session]\nsecond_factor = []\n" + more
    (folder / "office.toml").write_text(settings)
    command = [sys.executable, "-m", "tosqauyl", "office", "serve", "--config", str(folder / "office.toml")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line.startswith("ready "):
                raise RuntimeError(f"the office did not start: {line!r}")
            yield int(urlsplit(line.split()[1]).port or 0), process
        finally:
            process.send_signal(signal.SIGTERM)


def asked(client: Client, kind: Kind, requests: int) -> dict[str, float]:
    """Figures of so many requests of a kind."""
    for number in range(WARM if kind.bar != CHECK_MS else 0):
        client.ask(kind.make(number))
    times, failed = [], 0
    for number in range(min(requests, kind.most)):
        status, took, body = client.ask(kind.make(number))
        if status != 200:
            failed += 1
            if failed == 1:
                print(f"{kind.name}: {status} {body[:300]!r}", file=sys.stderr, flush=True)
        times.append(took)
    times.sort()
    return {"p50": statistics.median(times), "p95": times[int(len(times) * 0.95)], "most": times[-1], "failed": failed}


def run(folder: Path, store: Sqlite | Postgresql, size: Size, options: argparse.Namespace) -> bool:
    """Ask everything; prints the table. Whether every bar was kept."""
    registry = Registry(store.url, load_vault(folder / "vault.keys"), lambda: time.time_ns() // 1_000_000)
    headers = let_in(registry, store)
    registry.close()
    well = True
    with served(folder, store) as (port, process):
        cookie = sign_in(port, headers[SIGNED])
        access = Access(
            {"": {}, SIGNED: {"Cookie": cookie}}
            | {who: {"Authorization": headers[who]} for who in (ANALYST, OPERATOR, BANK)}
        )
        writer = Writer(Client(port, access), size)
        writer.start()
        time.sleep(options.settle)
        print("| what | p50 | p95 | slowest | bar (p95) | |\n| --- | --- | --- | --- | --- | --- |")
        for kind in kinds(size, options.seed):
            if kind.name.startswith(options.only):
                one = asked(Client(port, access), kind, options.requests)
                good = not one["failed"] and (not kind.bar or one["p95"] <= kind.bar)
                well = well and good
                bar, word = (
                    f"{kind.bar:.0f} ms" if kind.bar else "",
                    "ok" if good else f"missed, {one['failed']} failed",
                )
                print(
                    f"| {kind.name} | {one['p50']:.1f} ms | {one['p95']:.1f} ms | {one['most']:.0f} ms | {bar} | {word} |",
                    flush=True,
                )
        writer.ended.set()
        writer.join()
        memory = next(
            line for line in Path(f"/proc/{process.pid}/status").read_text().splitlines() if line.startswith("VmHWM")
        )
    times = sorted(writer.times)
    print(
        f"\nmeanwhile {len(times):,} reports came in, {RATE} a second: p50 {times[len(times) // 2]:.1f} ms, p95 "
        f"{times[int(len(times) * 0.95)]:.1f} ms, {writer.failed} refused; "
        f"the office's memory: {int(memory.split()[1]) / 1024:.0f} MB"
    )
    return well and not writer.failed


def main() -> int:
    """Command line."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    arguments.add_argument("--reports", type=int, default=1_000_000)
    arguments.add_argument("--indicators", type=int, default=1_000_000)
    arguments.add_argument("--requests", type=int, default=300)
    arguments.add_argument(
        "--settle", type=float, default=20.0, help="seconds for the office's jobs to run once (default 20)"
    )
    arguments.add_argument("--folder", type=Path)
    arguments.add_argument("--only", default="")
    arguments.add_argument("--seed", type=int, default=1)
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="tosqauyl-office-") as name:
        folder = options.folder or Path(name)
        folder.mkdir(mode=0o700, exist_ok=True)
        made = folder / "made.json"
        store = Sqlite(folder) if options.database == "sqlite" else Postgresql(folder)
        try:
            if not made.exists():
                size = Size(options.reports, options.indicators, time.time_ns() // 1_000_000)
                fill(folder, store, size, options.seed)
                made.write_text(json.dumps([size.reports, size.indicators, size.now]))
            size = Size(*json.loads(made.read_text()))
            print(
                f"{machine()}, {os.getloadavg()[0]:.1f} processes busy before\n\n"
                f"{options.database}, {size.reports:,} reports, {size.indicators:,} indicators, ",
                end="",
            )
            print(
                f"{size.observables:,} observables, {store.size() / 1e9:.1f} GB; {options.requests} requests of each kind\n"
            )
            return 0 if run(folder, store, size, options) else 1
        finally:
            store.stop()


if __name__ == "__main__":
    sys.exit(main())
