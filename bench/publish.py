"""From a second person's approval at a real office to a real gate that stops the number, with a million numbers on the list.

usage: publish.py [--database sqlite|postgresql] [--entries 1000000] [--rate 2000] [--publications 200] [--revocations 50]
                  [--folder DIR]

Starts `tosqauyl office init` and `serve` on SQLite or on a PostgreSQL of its own, fills it (bench/publish_rows.py), and a gate that
follows it (core 0). Calls come by bench/load.c all the while (core 1, every answer checked). One signed-in person proposes numbers,
another one approves them over HTTP: three of four one after the other, the rest in bursts of ten. Counted from the moment the
approval is sent until the gate answers 603 to a call of that number, which is called every 5 ms; then revocations until it answers
302. Then 50,001 numbers are published at once, so that the gate has its list packed anew under load. --folder keeps the database.
PYTHONPATH is for the office only: the gate is what is installed. Prints Markdown; fails where an answer was lost or wrong, p99
of publications or revocations exceeded 5 s, or the list packed anew came later than 10 s.
"""

import argparse
import os
import random
import re
import statistics
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).resolve().parent.parent / "tests" / "peers")]

import httpx  # noqa: E402 - found through the line above
from mixes import write_corpora  # noqa: E402
from office_rows import Size  # noqa: E402
from office_store import Postgresql, Sqlite  # noqa: E402
from peer_office import OfficeProcess, Person, days_ahead  # noqa: E402
from publish_calls import Prober, calling, children_seconds, dropped, memory  # noqa: E402
from publish_rows import AT_ONCE, ONE_BY_ONE, ListedRows, number, publish_at_once  # noqa: E402
from server import Gate, build_loader, write_settings  # noqa: E402

import tosqauyl  # noqa: E402
from gate import machine  # noqa: E402
from tosqauyl.registry.store import Registry  # noqa: E402
from tosqauyl.registry.vault import load_vault  # noqa: E402

MOST_SECONDS, MOST_REBUILD = 5.0, 10.0
REBUILD = 50_001
"""One more than a gate keeps beside its list (MOST_CHANGES)."""
BURST = 10
LIST_FILE = Path("data") / "lists" / "calls.list"


@dataclass(slots=True)
class Found:
    """Seconds: of approvals one by one, in bursts, of revocations until the gate obeyed; of the office's answers to approvals."""

    singles: list[float] = field(default_factory=list)
    bursts: list[float] = field(default_factory=list)
    revoked: list[float] = field(default_factory=list)
    answers: list[float] = field(default_factory=list)


class People:
    """One who proposes, one who approves, and what the gate answers meanwhile. first: place of the first number."""

    def __init__(self, office: OfficeProcess, prober: Prober, first: int) -> None:
        self.office, self.prober, self.place, self.found = office, prober, first, Found()
        serial = time.time_ns()
        for login, role in ((f"aida{serial}", "analyst"), (f"daniyar{serial}", "supervisor")):
            office.account(login, role)
        self.proposer, self.approver = office.sign_in(f"aida{serial}"), office.sign_in(f"daniyar{serial}")
        clients = [httpx.Client(base_url=office.url, timeout=60) for _ in range(BURST)]
        for client in clients:
            client.headers, client.cookies = self.approver.client.headers, self.approver.client.cookies
        self.hands = [Person(client) for client in clients]

    def propose(self) -> tuple[str, dict[str, Any]]:
        """Propose to block the next number."""
        self.place += 1
        said = {
            "kind": "phone", "value": number(self.place), "verdict": "fraud", "listing": "block", "confidence": 90,
            "scheme": "impersonation-call", "reasons": [{"slug": "reported", "text": "Named in many reports"}],
            "valid_until": days_ahead(30), "submit": True,
        }  # fmt: skip
        return number(self.place), dict(self.proposer.post("/v1/indicators", said))

    def decide(
        self, whose: Person, verb: str, which: tuple[str, dict[str, Any]]
    ) -> tuple[float, float, dict[str, Any]]:
        """Approve or revoke; seconds until the gate obeyed and until the office answered, and the answer."""
        caller, seen = which
        status, body = (603, {}) if verb == "approve" else (302, {"why": "It was a mistake"})
        watched = self.prober.watch(caller, status)
        key = str(uuid.uuid4())
        began = time.perf_counter()
        answer = whose.post(f"/v1/indicators/{seen['id']}:{verb}", {"version": seen["version"]} | body, key=key)
        answered = time.perf_counter() - began
        if not watched.there.wait(60):
            raise SystemExit(f"the gate did not obey within a minute: {verb} {caller}")
        return watched.at - began, answered, answer

    def one_by_one(self, count: int) -> list[tuple[str, dict[str, Any]]]:
        """Publish so many; the indicators."""
        done = []
        for _ in range(count):
            which = self.propose()
            time.sleep(random.random() * 0.05)
            took, answered, answer = self.decide(self.approver, "approve", which)
            self.found.singles.append(took)
            self.found.answers.append(answered)
            done.append((which[0], answer))
        return done

    def burst(self) -> None:
        """Publish ten at once."""
        waiting = [self.propose() for _ in range(BURST)]

        def approve(whose: Person, which: tuple[str, dict[str, Any]]) -> None:
            self.found.bursts.append(self.decide(whose, "approve", which)[0])

        threads = [threading.Thread(target=approve, args=pair) for pair in zip(self.hands, waiting, strict=True)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def publish(self, count: int, revocations: int) -> None:
        """Everything, in turn."""
        bursts = count // 4 // BURST
        done = self.one_by_one(count - bursts * BURST)
        for _ in range(bursts):
            self.burst()
        for which in done[:revocations]:
            self.found.revoked.append(self.decide(self.approver, "revoke", which)[0])
        if len(self.found.bursts) != bursts * BURST:
            raise SystemExit("an approval of a burst failed")


def filled(folder: Path, store: Sqlite | Postgresql, entries: int) -> OfficeProcess:
    """An office with so many numbers on its list, made if the folder has none."""
    office = OfficeProcess(folder, store.url if isinstance(store, Postgresql) else "")
    if not (folder / "filled").exists():
        office.make()
        size = Size(0, entries, time.time_ns() // 1_000_000)
        for table, rows, seconds in store.fill(ListedRows(load_vault(folder / "data" / "vault.keys"), size, 1)):
            print(f"{table}: {rows:,} in {seconds:.1f} s", file=sys.stderr, flush=True)
        (folder / "filled").touch()
    settings = folder / "office.toml"
    settings.write_text(re.sub('(?m)^database = ".*"', f'database = "{store.url}"', settings.read_text()))
    (folder / LIST_FILE).unlink(missing_ok=True)
    return office


def wait_for(what: str, holds: Callable[[], bool], seconds: float) -> float:
    """Seconds until something holds."""
    began = time.perf_counter()
    while not holds():
        if time.perf_counter() - began > seconds:
            raise SystemExit(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.02)
    return time.perf_counter() - began


def listed(office: OfficeProcess, token: str) -> tuple[int, int, float]:
    """Entries of the whole list, its bytes, and the seconds it takes to fetch."""
    began, size, head = time.perf_counter(), 0, b""
    with httpx.stream(
        "GET", f"{office.url}/v1/lists/calls", headers={"Authorization": f"Bearer {token}"}, timeout=300
    ) as said:
        for part in said.iter_bytes():
            head, size = head or part, size + len(part)
    return int(head.partition(b"\n")[0].split()[4]), size, time.perf_counter() - began


@contextmanager
def following(folder: Path, office: OfficeProcess, token: str, roaming: Path) -> Iterator[Gate]:
    """The installed gate, which follows the office."""
    secret = folder / "gate.token"
    secret.write_text(token)
    secret.chmod(0o600)
    table = f'\n[publications]\nurl = "{office.url}"\ntoken_file = "{secret}"\n'
    with tempfile.TemporaryDirectory(prefix="gate-", dir=folder) as name:
        settings = write_settings(Path(name), roaming, tables=table)
        sources = os.environ.pop("PYTHONPATH", "")
        try:
            gate = Gate(["--config", str(settings)], Path(name) / "data", core=0)
        finally:
            os.environ |= {"PYTHONPATH": sources} if sources else {}
        with gate:
            yield gate
            print(gate.errors.read_text(), file=sys.stderr)


def of_list(gate: Gate, name: str) -> Any:
    """What the gate says of the list."""
    publications = gate.health()["publications"]
    assert isinstance(publications, dict)
    return publications[name]


def rebuilt(office: OfficeProcess, store: Sqlite | Postgresql, gate: Gate, first: int) -> tuple[float, ...]:
    """Publish more than fits beside the list. Seconds from the commit until the list packed anew is in use, until the gate
    begins to have it made, from then on, and of the builder's processor time."""
    registry = Registry(
        store.url, load_vault(office.folder / "data" / "vault.keys"), lambda: time.time_ns() // 1_000_000
    )
    base, entries = of_list(gate, "base_seq"), of_list(gate, "entries") + REBUILD
    spent = children_seconds(gate.process.pid)
    publish_at_once(registry, range(first, first + REBUILD))
    registry.close()
    began = time.perf_counter()
    building = wait_for("the list is packed anew", lambda: bool(of_list(gate, "building")), 120)
    done = wait_for("the new list is in use", lambda: of_list(gate, "base_seq") != base, 300)
    whole = time.perf_counter() - began
    wait_for("every number is there", lambda: of_list(gate, "entries") == entries, 60)
    return whole, building, done, children_seconds(gate.process.pid) - spent


def run(folder: Path, store: Sqlite | Postgresql, options: argparse.Namespace) -> int:
    """Everything; 1 where a bar was missed."""
    office = filled(folder, store, options.entries)
    ready = time.perf_counter()
    office.start()
    rows: list[tuple[str, str]] = []
    try:
        wait_for("the list file", (folder / LIST_FILE).exists, 600)
        rows.append(("the office makes the whole list's file after its start", f"{time.perf_counter() - ready:.1f} s"))
        token = office.command("key", "add", f"border{time.time_ns()}", "--role", "gate")
        entries, size, seconds = listed(office, token)
        rows.append((f"it sends the whole list, {entries:,} entries, {size / 1e6:.0f} MB", f"{seconds:.1f} s"))
        return measured(folder, office, store, (options, token, entries, rows))
    finally:
        office.stop()


def measured(folder: Path, office: OfficeProcess, store: Sqlite | Postgresql, told: tuple[Any, ...]) -> int:
    """With a gate."""
    options, token, entries, rows = told
    corpora, program = write_corpora(folder / "corpora"), build_loader(folder)
    first = int(time.time()) % 100_000
    with following(folder, office, token, corpora["roaming"]) as gate:
        began = wait_for("the gate's first list", lambda: of_list(gate, "entries") == entries, 600)
        rows.append(("the gate has its first whole list after its start", f"{began:.1f} s"))
        prober = Prober(gate.port)
        people = People(office, prober, ONE_BY_ONE + first * 300)
        prober.start()
        common = (program, corpora["border"], gate, options.rate)
        with calling(*common) as calm:
            time.sleep(options.calm)
        with calling(*common) as busy:
            people.publish(options.publications, options.revocations)
        with calling(*common) as renewing:
            renewed = rebuilt(office, store, gate, AT_ONCE + first % 180 * REBUILD)
        prober.ended.set()
        prober.join()
        print({name: count for name, count in gate.counters().items() if count}, file=sys.stderr)
        assert office.process
        rows += [(f"memory of the {name}, now and at most", " and ".join(f"{one:.0f} MB" for one in memory(pid).values()))
                 for name, pid in (("gate", gate.process.pid), ("office", office.process.pid))]  # fmt: skip
        rows.append(("datagrams that the kernel dropped before the gate", str(dropped(gate.port))))
        lost = dropped(gate.port)
    return report(people.found, prober, (calm, busy, renewing), (renewed, rows, lost))


def report(found: Found, prober: Prober, loads: tuple[dict[str, float], ...], rest: tuple[Any, ...]) -> int:
    """Print the tables; 1 where a bar was missed."""
    (whole, building, done, spent), rows, lost = rest
    print(
        "| from the request to the gate | count | p50 | p95 | p99 | longest |\n| --- | ---: | ---: | ---: | ---: | ---: |"
    )
    published = found.singles + found.bursts
    for name, times in (
        ("all approvals, until 603", published), ("one after the other", found.singles), ("in bursts of ten", found.bursts),
        ("revocations, until 302", found.revoked), ("the office's answers alone, one after the other", found.answers),
    ):  # fmt: skip
        if times:
            shown = " | ".join(
                f"{one * 1e3:.0f} ms" for one in (statistics.median(times), _at(times, 95), _at(times, 99), max(times))
            )
            print(f"| {name} | {len(times)} | {shown} |")
    print(
        "\n| load | calls | p50 | p99 | p99.9 | longest | lost | wrong |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    )
    for name, one in zip(("calm", "publishing and revoking", "list packed anew"), loads, strict=True):
        shown = " | ".join(f"{one[key]:.2f} ms" for key in ("p50_ms", "p99_ms", "p999_ms", "max_ms"))
        print(f"| {name} | {one['answered']:,.0f} | {shown} | {one['lost']:.0f} | {one['wrong']:.0f} |")
    singles = f"{prober.calls:,} | | | | {prober.slowest * 1e3:.2f} ms | {prober.lost} | {prober.others}"
    print(f"| calls of single numbers | {singles} |\n\n| what | |\n| --- | --- |")
    rows += [
        (f"{REBUILD:,} changes of one transaction: from its end until the gate has a new list made", f"{building:.1f} s"),
        ("the list fetched, packed, checked, in use", f"{done:.1f} s"), ("both", f"{whole:.1f} s"),
        ("... of which the builder's processor time", f"{spent:.1f} s"),
    ]  # fmt: skip
    for what, value in rows:
        print(f"| {what} | {value} |")
    print(f"\nload average at the end: {', '.join(f'{one:.1f}' for one in os.getloadavg())}")
    lost += prober.lost + prober.others + sum(one["lost"] + one["wrong"] for one in loads)
    late = max(_at(times, 99) for times in (published, found.revoked) if times) > MOST_SECONDS
    return int(lost > 0 or late or done > MOST_REBUILD)


def _at(times: list[float], percent: int) -> float:
    return sorted(times)[min(len(times) * percent // 100, len(times) - 1)]


def main() -> int:
    """Command line."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    arguments.add_argument("--entries", type=int, default=1_000_000)
    arguments.add_argument("--rate", type=int, default=2_000)
    arguments.add_argument("--publications", type=int, default=200)
    arguments.add_argument("--revocations", type=int, default=50)
    arguments.add_argument(
        "--calm", type=float, default=10.0, help="seconds of load before anything is published (default 10)"
    )
    arguments.add_argument("--folder", type=Path)
    options = arguments.parse_args()
    os.sched_setaffinity(0, {1})
    with tempfile.TemporaryDirectory(prefix="tosqauyl-publish-") as name:
        folder = options.folder or Path(name)
        folder.mkdir(mode=0o711, parents=True, exist_ok=True)
        (folder / "data").mkdir(mode=0o700, exist_ok=True)
        store = Sqlite(folder / "data") if options.database == "sqlite" else Postgresql(folder)
        print(
            f"{machine()}\n\n{options.database}, {options.rate:,} calls/s, office from {Path(tosqauyl.__file__).parent.parent}",
            end="",
        )
        print(f"; load average at the beginning: {', '.join(f'{one:.1f}' for one in os.getloadavg())}\n", flush=True)
        try:
            return run(folder, store, options)
        finally:
            store.stop()


if __name__ == "__main__":
    sys.exit(main())
