"""The databases of bench/office.py: SQLite, or a PostgreSQL of its own with fsync on; filled in bulk, indexes made afterwards."""

import os
import pwd
import shutil
import socket
import sqlite3
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path

from office_rows import Row, Rows, check_columns

SETTINGS = {
    "shared_buffers": "2GB", "effective_cache_size": "8GB", "work_mem": "16MB", "maintenance_work_mem": "1GB",
    "max_wal_size": "8GB", "checkpoint_timeout": "15min", "random_page_cost": "1.1", "wal_level": "minimal", "max_wal_senders": "0",
    "fsync": "on", "synchronous_commit": "on", "max_connections": "60",
}  # fmt: skip
BATCH = 20_000
_KEYS = (
    "SELECT conrelid::regclass::text, quote_ident(conname), pg_get_constraintdef(oid) FROM pg_constraint "
    "WHERE connamespace = 'public'::regnamespace AND contype IN ('p', 'u', 'f') ORDER BY contype = 'f', conname"
)
_INDEXES = (
    "SELECT quote_ident(indexname), indexdef FROM pg_indexes WHERE schemaname = 'public' "
    "AND NOT EXISTS (SELECT FROM pg_constraint WHERE conname = indexname) ORDER BY indexname"
)


class Sqlite:
    """A file. url: of SQLAlchemy."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "office.db"
        self.url = f"sqlite:///{self.file}"

    def fill(self, rows: Rows) -> Iterator[tuple[str, int, float]]:
        """Write all rows; tells table, rows, seconds. The rows' tables are there already."""
        with closing(sqlite3.connect(self.file, isolation_level=None)) as db:
            for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-1000000", "foreign_keys=OFF"):
                db.execute(f"PRAGMA {pragma}")
            indexes = db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql <> ''").fetchall()
            for name, _ in indexes:
                db.execute(f'DROP INDEX "{name}"')
            for table, columns, found in rows.tables():
                check_columns(table, columns)
                names = columns.split()
                text = f'INSERT INTO "{table}" ("{_joined(names)}") VALUES ({", ".join("?" * len(names))})'
                began = time.monotonic()
                db.execute("BEGIN")
                written = db.executemany(text, found).rowcount
                db.execute("COMMIT")
                yield table, written, time.monotonic() - began
            began = time.monotonic()
            for _, sql in indexes:
                db.execute(sql)
            db.execute("UPDATE list_head SET seq = (SELECT coalesce(max(seq), 0) FROM publication)")
            db.execute("ANALYZE")
            db.execute("PRAGMA journal_mode=WAL")
            yield "indexes, ANALYZE", len(indexes), time.monotonic() - began

    def size(self) -> int:
        """Bytes of the database."""
        return self.file.stat().st_size

    def stop(self) -> None:
        """There is nothing to end."""


class Postgresql:
    """A server of its own on a free loopback port. url: of SQLAlchemy."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "postgresql"
        self.programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1]
        self.as_user = [] if os.getuid() else ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        self.folder.mkdir(exist_ok=True)
        if self.as_user:
            os.chown(self.folder, pwd.getpwnam("postgres").pw_uid, -1)
            folder.chmod(0o711)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.url = f"postgresql+pg8000://tosqauyl@127.0.0.1:{self.port}/postgres"
        if not (self.folder / "data").exists():
            self._program(
                "initdb", "-D", self.folder / "data", "-U", "tosqauyl", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"
            )
        options = " ".join(f"-c {name}={value}" for name, value in SETTINGS.items())
        self._program(
            "pg_ctl", "-D", self.folder / "data", "-w", "-t", "300", "-l", self.folder / "log",
            "-o", f"-h 127.0.0.1 -p {self.port} -k {self.folder} {options}", "start",
        )  # fmt: skip

    def fill(self, rows: Rows) -> Iterator[tuple[str, int, float]]:
        """Write all rows with COPY; tells table, rows, seconds. The rows' tables are there already."""
        keys, indexes = self._ask(_KEYS), self._ask(_INDEXES)
        self._say([f"ALTER TABLE {table} DROP CONSTRAINT {name} CASCADE" for table, name, _ in reversed(keys)])
        self._say([f"DROP INDEX {name}" for name, _ in indexes])
        for table, columns, found in rows.tables():
            check_columns(table, columns)
            began = time.monotonic()
            written = self._copy(f'COPY "{table}" ("{_joined(columns.split())}") FROM STDIN', found)
            yield table, written, time.monotonic() - began
        began = time.monotonic()
        self._say(
            [f"ALTER TABLE {table} ADD CONSTRAINT {name} {text}" for table, name, text in keys if "FOREIGN" not in text]
        )
        self._say([text for _, text in indexes])
        self._say(
            [f"ALTER TABLE {table} ADD CONSTRAINT {name} {text}" for table, name, text in keys if "FOREIGN" in text]
        )
        self._say(["UPDATE list_head SET seq = (SELECT coalesce(max(seq), 0) FROM publication)"])
        yield "indexes, keys", len(keys) + len(indexes), time.monotonic() - began
        began = time.monotonic()
        self._say(["VACUUM ANALYZE", "CHECKPOINT"])
        yield "VACUUM ANALYZE", 0, time.monotonic() - began

    def size(self) -> int:
        """Bytes of the database."""
        return int(self._ask("SELECT pg_database_size(current_database())")[0][0])

    def stop(self) -> None:
        """End the server."""
        self._program("pg_ctl", "-D", self.folder / "data", "-w", "-m", "fast", "-t", "120", "stop")

    def _program(self, name: str, *parts: object) -> None:
        command = [*self.as_user, self.programs / name, *map(str, parts)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=600, cwd=self.folder)

    def _psql(self) -> list[str]:
        psql = shutil.which("psql") or str(self.programs / "psql")
        return [
            psql,
            "-h",
            "127.0.0.1",
            "-p",
            str(self.port),
            "-U",
            "tosqauyl",
            "-d",
            "postgres",
            "-qXtAv",
            "ON_ERROR_STOP=1",
        ]

    def _say(self, statements: Iterable[str]) -> None:
        text = "".join(f"{one};\n" for one in statements)
        subprocess.run(self._psql(), input=text, text=True, check=True, stdout=subprocess.DEVNULL)

    def _ask(self, query: str) -> list[list[str]]:
        done = subprocess.run([*self._psql(), "-F", "\t", "-c", query], text=True, check=True, stdout=subprocess.PIPE)
        return [line.split("\t") for line in done.stdout.splitlines()]

    def _copy(self, statement: str, rows: Iterator[Row]) -> int:
        written = 0
        with subprocess.Popen([*self._psql(), "-c", statement], stdin=subprocess.PIPE, text=True) as copying:
            assert copying.stdin is not None
            while some := list(islice(rows, BATCH)):
                copying.stdin.writelines("\t".join(map(_field, row)) + "\n" for row in some)
                written += len(some)
            copying.stdin.close()
        if copying.returncode:
            raise RuntimeError(f"psql failed: {statement}")
        return written


def _field(value: object) -> str:
    if value is None:
        return "\\N"
    if isinstance(value, bytes):
        return "\\\\x" + value.hex()
    return str(value)


def _joined(names: list[str]) -> str:
    return '", "'.join(names)
