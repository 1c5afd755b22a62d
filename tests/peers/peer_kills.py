"""People and programs that use an office which is killed again and again: they send what got no answer once more, with the same
Idempotency-Key, and keep what was acknowledged."""

import random
import socket
import threading
import time
import uuid
from collections.abc import Callable, Set
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any

import httpx
from peer_office import OfficeProcess, days_ahead

ROWS = 600
"""Of a file: more than are taken in one transaction."""
SCHEME = "impersonation-call"
PATIENCE = 600
"""Seconds after which a request that gets no answer fails: on a machine that is busy with other things an office takes half a minute
to begin, and a request may be cut off more than once."""


@dataclass(slots=True)
class Told:
    """What was acknowledged. done: (verb, what, id) as the trail must have it; reports, appeals: tickets; numbers: of indicators;
    tries: requests by what came of them: answered, cut off, replayed, unavailable, again (another one with its key ended just now),
    carried out (but the answer is lost)."""

    done: list[tuple[str, str, str]] = field(default_factory=list)
    reports: list[str] = field(default_factory=list)
    appeals: list[str] = field(default_factory=list)
    proven: list[str] = field(default_factory=list)
    rows: list[str] = field(default_factory=list)
    numbers: dict[str, str] = field(default_factory=dict)
    changes: dict[int, str] = field(default_factory=dict)
    tries: dict[str, int] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def tally(self, name: str) -> None:
        """One more of something."""
        with self.lock:
            self.tries[name] = self.tries.get(name, 0) + 1

    def answers(self) -> int:
        """How many requests were answered."""
        return self.tries.get("answered", 0)

    def done_of(self, kinds: set[tuple[str, str]]) -> list[tuple[str, str, str]]:
        """What was acknowledged of some kinds (verb, what)."""
        return [one for one in self.done if one[:2] in kinds]

    def ids(self, verb: str, what: str) -> set[str]:
        """The things that something was done to."""
        return {which for did, kind, which in self.done if (did, kind) == (verb, what)}


def sent(told: Told, send: Callable[[], httpx.Response], expected: Set[str] = frozenset()) -> httpx.Response:
    """The answer of a request that is sent until there is one. Fails where it is neither a fine one nor an expected problem."""
    patient = time.monotonic() + PATIENCE
    while True:
        assert time.monotonic() < patient, "no answer came"
        try:
            said = send()
        except httpx.ConnectError:
            time.sleep(0.1)
            continue
        except httpx.TransportError:
            told.tally("cut off")
            continue
        if said.status_code == 409 and said.json()["type"].rpartition(":")[2] in expected:
            return said
        if said.status_code == 503 or (said.status_code == 409 and "Retry-After" in said.headers):
            told.tally("unavailable" if said.status_code == 503 else "again")
            time.sleep(0.05)
            continue
        if (
            said.status_code == 409
            and said.json()["type"].endswith(":carried-out")
            and said.request.url.path.endswith(":send-code")
        ):
            told.tally(
                "carried out"
            )  # killed between the code's commit and its text: documented, another code is asked for
            return said
        assert said.is_success, f"{said.request.method} {said.request.url.path}: {said.status_code} {said.text}"
        told.tally("replayed" if "Idempotency-Replayed" in said.headers else "answered")
        return said


@dataclass(slots=True)
class Crowd:
    """Threads that use an office until they are told to end; each then ends what it began. staff: clients by login."""

    office: OfficeProcess
    staff: dict[str, httpx.Client]
    gate: httpx.Client
    told: Told = field(default_factory=Told)
    over: threading.Event = field(default_factory=threading.Event)
    failed: list[BaseException] = field(default_factory=list)
    stories: "count[int]" = field(default_factory=lambda: count(1))
    numbers: "count[int]" = field(default_factory=lambda: count(1))
    threads: list[threading.Thread] = field(default_factory=list)

    def begin(self) -> None:
        """Everybody comes."""
        rounds = [self.story, self.story, self.tell, self.upload, self.keys, self.conditions, self.follow]
        self.threads = [threading.Thread(target=self._again, args=(one,), daemon=True) for one in rounds]
        for thread in self.threads:
            thread.start()

    def end(self) -> None:
        """Everybody ends what was begun. Raises what went wrong."""
        self.over.set()
        for thread in self.threads:
            thread.join(PATIENCE)
        if self.failed:
            raise self.failed[0]
        assert not any(thread.is_alive() for thread in self.threads)

    def _again(self, once: Callable[[], None]) -> None:
        try:
            while not self.over.is_set():
                once()
        except BaseException as error:  # noqa: BLE001 - raised again where the test waits
            self.failed.append(error)
            self.over.set()

    def post(self, client: httpx.Client, path: str, body: dict[str, Any]) -> Any:
        """What a request gives, however often it must be sent."""
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        return sent(self.told, lambda: client.post(path, json=body, headers=headers)).json()

    def did(self, verb: str, what: str, which: object) -> None:
        """Something was acknowledged."""
        self.told.done.append((verb, what, str(which)))

    def citizen(self, n: int) -> httpx.Client:
        """Somebody at an address of their own, which is this machine's: what one address may do is limited."""
        there = httpx.HTTPTransport(local_address=f"127.9.{n // 250}.{1 + n % 250}", verify=False)
        return httpx.Client(base_url=self.office.url, timeout=20, transport=there)

    def number(self) -> str:
        """A mobile number that nobody spoke of."""
        return f"+7701{3_000_000 + next(self.numbers)}"

    def story(self) -> None:
        """A number is reported, triaged, proposed, approved; every second time its owner appeals, and is right."""
        n = next(self.stories)
        number = f"+7701{2_000_000 + n}"  # their last four digits differ: people see no more
        with self.citizen(n) as citizen:
            self.told.reports.append(self.post(citizen, "/v1/public/reports", report(number))["ticket"])
            indicator = self.stop(number)
            if n % 2:
                self.appeal(citizen, number)
                self.did("revoke", "indicator", indicator)

    def stop(self, number: str) -> str:
        """Triage the report of a number, propose to block it, approve that; the indicator's id."""
        aida, daniyar = self.staff["aida"], self.staff["daniyar"]
        wanted = {"observable": {"kind": "phone", "value": number}}
        (seen,) = self.post(aida, "/v1/reports:search", wanted)["items"]
        self.post(
            aida, f"/v1/reports/{seen['id']}:triage", {"version": seen["version"], "scheme": SCHEME, "region": "75"}
        )
        self.did("triaged", "report", seen["id"])
        made = self.post(aida, "/v1/indicators", proposal(number))
        self.did("propose", "indicator", made["id"])
        self.post(daniyar, f"/v1/indicators/{made['id']}:approve", {"version": made["version"]})
        self.did("approve", "indicator", made["id"])
        self.told.numbers[made["id"]] = number
        return str(made["id"])

    def appeal(self, citizen: httpx.Client, number: str) -> None:
        """Appeal, prove the number by a code, have it upheld by somebody who did not approve the block."""
        ticket = self.post(citizen, "/v1/public/appeals", {"number": number, "language": "en"})["ticket"]
        self.told.appeals.append(ticket)
        texts: list[str] = []
        while not texts:  # at most three codes a day are sent to a number: so this ends
            self.ask_code(citizen, ticket)
            texts = [one["text"] for one in self.office.texts() if one["number"] == number]
        said = texts[-1]
        code = next(word for word in said.replace(".", " ").replace(":", " ").split() if word.isdigit())
        assert self.post(citizen, "/v1/public/appeals:prove", {"ticket": ticket, "code": code})["proven"]
        self.told.proven.append(ticket)
        saule = self.staff["saule"]
        waiting = sent(self.told, lambda: saule.get("/v1/appeals/waiting")).json()
        (found,) = [one for one in waiting if one["number"].endswith(number[-4:])]
        decision = {"version": found["version"], "upheld": True, "answer": "It was a mistake"}
        assert self.post(saule, f"/v1/appeals/{found['id']}:decide", decision)["state"] == "upheld"
        self.did("uphold", "appeal", found["id"])

    def ask_code(self, citizen: httpx.Client, ticket: str) -> None:
        """Have a code sent. It is sent after the commit: cut off between the two, a request is not carried out again, which is said,
        and another one is needed."""

        def ask(key: str) -> httpx.Response:
            body, headers = {"ticket": ticket}, {"Idempotency-Key": key}
            return citizen.post("/v1/public/appeals:send-code", json=body, headers=headers)

        while not sent(self.told, partial(ask, str(uuid.uuid4())), {"carried-out"}).is_success:
            self.told.tally("carried out")

    def tell(self) -> None:
        """An operator reports a call to one of its people."""
        said = report(self.number()) | {"reporter": "citizen", "victim": "Aigul", "victims": 1}
        got = self.post(self.staff["marat"], "/v1/reports", said)
        self.did("reported", "report", got["id"])
        self.told.reports.append(got["ticket"])

    def upload(self) -> None:
        """An operator sends a file. The same file again changes nothing, so it needs no key."""
        numbers = [self.number() for _ in range(ROWS)]
        file = "channel,phone,external_id\n" + "".join(f"call,{one},{uuid.uuid4()}\n" for one in numbers)
        marat, headers = self.staff["marat"], {"Content-Type": "text/csv"}
        got = sent(self.told, lambda: marat.post("/v1/uploads", content=file.encode(), headers=headers)).json()
        assert (got["rows"], got["refused"], got["taken"] + got["known"]) == (ROWS, 0, ROWS), got
        self.did("uploaded", "upload", got["upload"])
        self.told.rows += numbers
        self.over.wait(0.3)

    def keys(self) -> None:
        """An admin makes a key for a program, and ends every second one."""
        made = self.post(self.staff["madina"], "/v1/keys", {"name": "border", "role": "gate"})["key"]
        self.did("added", "key", made["id"])
        if len(self.told.ids("added", "key")) % 2:
            self.post(self.staff["madina"], f"/v1/keys/{made['id']}:revoke", {})
            self.did("revoked", "key", made["id"])
        self.over.wait(0.05)

    def conditions(self) -> None:
        """A number is allowed; another one is blocked by two people, then let go."""
        daniyar, saule = self.staff["daniyar"], self.staff["saule"]
        said = {"kind": "phone", "condition": "allow", "why": "It is the clinic's", "until": days_ahead(20)}
        allowed = self.post(daniyar, "/v1/conditions", said | {"value": self.number()})
        self.did("allow", "condition", allowed["id"])
        asked = self.post(daniyar, "/v1/conditions", said | {"value": self.number(), "condition": "block"})
        self.did("block", "condition", asked["id"])
        held = self.post(saule, f"/v1/conditions/{asked['id']}:confirm", {"version": asked["version"]})
        self.did("confirm", "condition", asked["id"])
        self.post(saule, f"/v1/conditions/{asked['id']}:end", {"version": held["version"]})
        self.did("end", "condition", asked["id"])
        self.over.wait(0.05)

    def follow(self) -> None:
        """As a gate does: each change after the last one. What one answer says of a seq, every later one says."""
        after = max(self.told.changes, default=0)
        name = sent(self.told, lambda: self.gate.get("/v1/health")).json()["list"]
        if not name:
            return
        wanted = {"list": name, "after": str(after), "wait": "1"}
        lines = sent(self.told, lambda: self.gate.get("/v1/lists/calls/changes", params=wanted)).text.splitlines()
        assert lines[0].split()[:4] == ["tosqauyl-changes", "1", name, str(after)], lines[0]
        for line in lines[1:-1]:
            seq, _, rest = line.partition("\t")
            assert int(seq) == len(self.told.changes) + 1, "a change is missing"
            self.told.changes[int(seq)] = rest


def report(number: str) -> dict[str, Any]:
    """A report of a call from a number."""
    return {
        "channel": "call", "observables": [{"kind": "phone", "value": number}], "scheme": SCHEME, "text": "He said he was a banker",
        "contact": "Aigul +77011112233", "loss": 15_000_000, "consent": True,
    }  # fmt: skip


def proposal(number: str) -> dict[str, Any]:
    """A proposal to block a number."""
    return {
        "kind": "phone", "value": number, "verdict": "fraud", "listing": "block", "confidence": 90, "scheme": SCHEME,
        "reasons": [{"slug": "reported", "text": "Named in a report"}], "valid_until": days_ahead(30), "submit": True,
    }  # fmt: skip


def again_and_again(crowd: Crowd, fall: Callable[[], None], times: int, longest: int, seed: int) -> int:
    """Let something fall so many times, each time at a random moment after up to `longest` answers; how often it did. Moments are
    counted in answers, so that a slow machine gets as far as a quick one."""
    pick = random.Random(seed)
    for done in range(times):
        goal, patient = crowd.told.answers() + pick.randrange(longest), time.monotonic() + PATIENCE
        while crowd.told.answers() < goal and not crowd.over.wait(0.005):
            assert time.monotonic() < patient, "nobody gets an answer"
        if crowd.over.wait(pick.uniform(0.0, 0.1)):
            return done
        fall()
    return times


def steady_port() -> int:
    """A free port below those that the kernel gives to connections (from 32768): while nobody listens on one of those, a client that
    tries again and again is one day connected to itself, and holds it."""
    for port in random.Random().sample(range(20_000, 30_000), 100):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")


def listed(text: str) -> dict[str, str]:
    """The whole list for gates: number -> the rest of its line."""
    lines = text.splitlines()
    assert lines[-1].startswith("end ")
    assert int(lines[0].split()[4]) == len(lines) - 2
    return dict(line.split("\t", 1) for line in lines[1:-1])  # type: ignore[misc]


def folded(changes: dict[int, str]) -> dict[str, str]:
    """The list that the changes add up to."""
    found: dict[str, str] = {}
    for _, line in sorted(changes.items()):
        number, rest = line.split("\t", 1)
        found[number] = rest
        if rest.startswith("none\t"):
            del found[number]
    return found
