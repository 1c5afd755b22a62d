"""A PostgreSQL server of a test's own, on a free loopback port, ended by its own command."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest


def programs() -> Path | None:
    """The folder of the server's programs, None where it is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return found[-1] if found else None


@dataclass(frozen=True, slots=True)
class Server:
    """A server in a folder. It may be stopped and started again; its port stays."""

    where: Path
    folder: Path
    port: int
    settings: tuple[str, ...] = ()

    @property
    def url(self) -> str:
        """The URL of its database."""
        return f"postgresql+pg8000://tosqauyl@127.0.0.1:{self.port}/postgres"

    def make(self) -> None:
        """An empty cluster, owned by whoever runs it: the server refuses root."""
        if not os.getuid():
            entry = pwd.getpwnam("postgres")
            os.chown(self.folder, entry.pw_uid, entry.pw_gid)
        self._run(
            self.where / "initdb", "-D", self.folder / "data", "-U", "tosqauyl", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8",
            "--no-sync",
        )  # fmt: skip

    def start(self) -> None:
        """Ready when it returns."""
        own = f"-h 127.0.0.1 -p {self.port} -k {self.folder} -c max_connections=60"
        self._control("-o", " ".join((own, *(f"-c {one}" for one in self.settings))), "start")

    def stop(self, mode: str = "immediate") -> None:
        """mode: immediate, as a crash would; fast, as an operator would."""
        self._control("-m", mode, "stop")

    def _control(self, *words: str) -> None:
        self._run(self.where / "pg_ctl", "-D", self.folder / "data", "-w", "-l", self.folder / "log", *words)

    def _run(self, *words: str | Path) -> None:
        as_user = [] if os.getuid() else ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        subprocess.run([*as_user, *words], check=True, capture_output=True, timeout=60, cwd=self.folder)


@contextmanager
def server(*settings: str) -> Iterator[Server]:
    """A server that runs. settings: 'fsync=off'. Skips where it is not installed, fails in CI."""
    where = programs()
    if where is None:
        if os.environ.get("TOSQAUYL_REQUIRE_PEERS"):
            pytest.fail("PostgreSQL is not installed")
        pytest.skip("PostgreSQL is not installed")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    made = Server(where, Path(tempfile.mkdtemp(prefix="tosqauyl-pg-")), port, settings)
    made.make()
    made.start()
    try:
        yield made
    finally:
        try:
            made.stop()
        finally:
            shutil.rmtree(made.folder, ignore_errors=True)


@contextmanager
def running(*settings: str) -> Iterator[str]:
    """The URL of an empty database of such a server."""
    with server(*settings) as made:
        yield made.url


@pytest.fixture
def postgresql() -> Iterator[str]:
    """The URL of an empty database of a server that nobody else uses."""
    with running() as url:
        yield url
