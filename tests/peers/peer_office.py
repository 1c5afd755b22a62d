"""An office in a process of its own, as its commands make it, and people who sign in to it over HTTP."""

import json
import signal
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pyotp

PASSWORD = "a quiet barrier of reeds"
SETTINGS = """\
data = "data"
listen = "127.0.0.1:{port}"
database = "{database}"
[sms]
file = true
[password]
memory_kb = 8192
passes = 1
"""
"""Passwords are checked with the least memory that is allowed: many sign in."""


@dataclass(slots=True)
class OfficeProcess:
    """An office in a folder. database: its URL, '' for SQLite. `start` may be called again after `kill`."""

    folder: Path
    database: str = ""
    process: subprocess.Popen[str] | None = None
    url: str = ""
    more: str = ""
    port: int = 0
    secrets: dict[str, str] = field(default_factory=dict)
    steps: dict[str, int] = field(default_factory=dict)

    def make(self) -> None:
        """`office init`, and its file."""
        said = ["--database", self.database] if self.database else []
        self.command("init", "--data", str(self.folder / "data"), *said, place=False)
        url = self.database or f"sqlite:///{self.folder / 'data' / 'office.db'}"
        (self.folder / "office.toml").write_text(SETTINGS.format(port=self.port, database=url) + self.more)

    def command(self, *words: str, place: bool = True) -> str:
        """What a command of the office prints."""
        where = ["--config", str(self.folder / "office.toml")] if place else []
        done = subprocess.run(
            [sys.executable, "-m", "tosqauyl", "office", *words, *where], capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def start(self) -> None:
        """Serve. The port that was found the first time is kept."""
        said = (self.folder / "office.said").open("a")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tosqauyl", "office", "serve", "--config", str(self.folder / "office.toml")],
            stdout=subprocess.PIPE, stderr=said, text=True,
        )  # fmt: skip
        assert self.process.stdout
        line = self.process.stdout.readline().split()
        assert line[:1] == ["ready"], (self.folder / "office.said").read_text()
        self.url = line[1]
        if not self.port:
            self.port = int(self.url.rpartition(":")[2])
            file = self.folder / "office.toml"
            file.write_text(file.read_text().replace("127.0.0.1:0", f"127.0.0.1:{self.port}"))

    def kill(self) -> None:
        """As a power cut would end the process."""
        assert self.process
        self.process.kill()
        self.process.wait(30)

    def stop(self) -> None:
        """As an operator ends it."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.kill()

    def texts(self) -> list[dict[str, Any]]:
        """The texts that were sent to phones, oldest first."""
        file = self.folder / "data" / "sms.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def account(self, login: str, role: str, organisation: str = "centre") -> None:
        """Add a person, who sets a password."""
        token = self.command("account", "add", login, "--role", role, "--organisation", organisation)
        with httpx.Client(base_url=self.url, timeout=30) as client:
            said = client.post("/v1/set-up", json={"token": token, "password": PASSWORD})
        assert said.status_code == 204, said.text

    def sign_in(self, login: str) -> "Person":
        """Sign in; where the role needs codes, an authenticator is set up."""
        client = httpx.Client(base_url=self.url, timeout=30)
        said = _fine(client.post("/v1/sign-in", json={"login": login, "password": PASSWORD}))
        client.headers["X-CSRF-Token"] = said["csrf"]
        if said["needs"] == "totp":
            self.secrets[login] = _fine(client.post("/v1/me/totp"))["secret"]
            said = _fine(client.post("/v1/me/totp:confirm", json={"code": self.code(login)}))
        elif said["needs"] == "code":
            said = _fine(client.post("/v1/sign-in/code", json={"code": self.code(login)}))
        client.headers["X-CSRF-Token"] = said["csrf"]
        assert said["needs"] == "", said
        return Person(client)

    def code(self, login: str) -> str:
        """The next code that was not used yet: a step after the last one's is taken where this one's was."""
        step = max(int(time.time()) // 30, self.steps.get(login, 0) + 1)
        self.steps[login] = step
        return pyotp.TOTP(self.secrets[login]).at(step * 30)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is signed in, or nobody in particular."""

    client: httpx.Client

    def post(self, path: str, body: dict[str, Any] | None = None, status: int = 0, key: str = "") -> Any:
        """What a request gives; its status must be that one, or any that is fine. key: of idempotency, a new one if ''."""
        headers = {"Idempotency-Key": key or str(uuid.uuid4())}
        said = self.client.post(path, json=body or {}, headers=headers)
        if status:
            assert said.status_code == status, said.text
            return said.json() if said.content else None
        return _fine(said)

    def get(self, path: str, **query: str) -> Any:
        """What is read."""
        return _fine(self.client.get(path, params=query))


def _fine(said: httpx.Response) -> Any:
    assert said.is_success, f"{said.request.method} {said.request.url}: {said.status_code} {said.text}"
    return said.json() if said.content else None


def anybody(url: str) -> Person:
    """Somebody without an account."""
    return Person(httpx.Client(base_url=url, timeout=30))


def days_ahead(days: int) -> str:
    """A moment so many days from now, RFC 3339."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + days * 86_400))
