"""Back-tests that the office has running: one at a time, by `tosqauyl backtest` in a process of the lowest priority.

A job is a few files in `backtests` of the office's folder. Whoever started it may leave; it goes on. A lock file is held by the
office and by the process while it runs: so a job that says that it runs, and nobody holds its lock, was interrupted.
"""

import fcntl
import json
import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from threading import Lock, Thread
from typing import Any, Literal
from uuid import UUID

from tosqauyl.durable import write_whole
from tosqauyl.give_way import lowered
from tosqauyl.ledger.backtest_record import FOLDER as RECORDS
from tosqauyl.ledger.backtest_record import BacktestRecord, read_record
from tosqauyl.policy.load import SHIPPED
from tosqauyl.registry.errors import Absent, Conflict
from tosqauyl.registry.ids import new_id
from tosqauyl.web.ledger_desk import folder_of
from tosqauyl.web.office import Office

FOLDER = "backtests"
LOCK = "lock"
MOST_JOBS = 50
"""Jobs that are kept; the oldest go when a new one begins."""
TAIL = 4_096
State = Literal["running", "done", "failed", "cancelled", "interrupted"]
Trouble = Literal["", "no-calls", "failed"]
_SAID = re.compile(r"([\d,]+) of ([\d,]+) calls")
_making = Lock()


@dataclass(frozen=True, slots=True)
class Job:
    """A back-test. policy: the one in force, or a draft; first, last: days, '' for all calls; by: who began it; started, ended:
    milliseconds; done, count: calls; record: its id once it is done."""

    id: str
    policy: Literal["in-force", "draft"]
    first: str
    last: str
    by: str
    started: int
    state: State = "running"
    ended: int = 0
    done: int = 0
    count: int = 0
    record: str = ""
    trouble: Trouble = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be tried. draft: text of a policy, '' for the one in force; first, last: days, '' for all calls."""

    draft: str = ""
    first: str = ""
    last: str = ""


class BacktestDesk:
    """The jobs of one office. Everything may be called from any thread."""

    def __init__(self, office: Office) -> None:
        self._office, self._folder = office, office.data / FOLDER
        self._process: subprocess.Popen[bytes] | None = None
        self._cancelled: set[str] = set()
        self._thread: Thread | None = None
        self._lock = Lock()

    def start(self, wanted: Wanted, by: str) -> Job:
        """Begin one. Raises Conflict where one runs, Refused where there is no ledger."""
        ledger = folder_of(self._office)
        self._folder.mkdir(mode=0o700, exist_ok=True)
        now = self._office.registry.clock()
        kind: Literal["in-force", "draft"] = "draft" if wanted.draft else "in-force"
        job = Job(str(new_id(now)), kind, wanted.first, wanted.last, by, now)
        held = self._take_lock(job.id)
        try:
            self._tidy()
            if wanted.draft:
                write_whole(self._folder / f"{job.id}.toml", wanted.draft)
            self._write(job)
            command = self._command(job, ledger)
            self._thread = Thread(target=self._run, args=(job, command, held), name="back-test", daemon=True)
            self._thread.start()
        except BaseException:
            os.close(held)
            raise
        return job

    def found(self, job_id: UUID) -> Job:
        """A job as it stands. Raises Absent."""
        try:
            said = json.loads((self._folder / f"{job_id}.json").read_bytes())
            job = Job(**said)
        except (OSError, ValueError, TypeError):
            raise Absent("there is no such back-test") from None
        if job.state != "running":
            return job
        if self._holder() != job.id:
            with suppress(OSError, ValueError, TypeError):  # it may have ended between the two looks
                job = Job(**json.loads((self._folder / f"{job_id}.json").read_bytes()))
            return replace(job, state="interrupted") if job.state == "running" else job
        done, count = self._progress(job)
        return replace(job, done=done, count=count)

    def all(self) -> list[Job]:
        """Every job, the latest first."""
        found = []
        for name in self._names():
            with suppress(Absent):
                found.append(self.found(UUID(name)))
        return found

    def cancel(self, job_id: UUID) -> Job:
        """End one. Raises Absent, Conflict where it does not run, or in another process."""
        job = self.found(job_id)
        with self._lock:
            process = self._process
            if job.state != "running" or process is None:
                raise Conflict("it does not run any more" if job.state != "running" else "it runs in another process")
            self._cancelled.add(job.id)
            process.terminate()
        return self.found(job_id)

    def stop(self) -> None:
        """The office is being stopped: a job that runs is interrupted."""
        with self._lock:
            process = self._process
        if process is not None:
            process.terminate()

    def settled(self, seconds: float) -> None:
        """Wait until nothing runs, for so long at most."""
        if self._thread is not None:
            self._thread.join(seconds)

    def record(self, job: Job) -> BacktestRecord | None:
        """What came of it; None where nothing did, or where the record was removed."""
        with suppress(Exception):
            return read_record(folder_of(self._office) / RECORDS / f"{job.record}.json") if job.record else None
        return None

    def _command(self, job: Job, ledger: Path) -> tuple[str, ...]:
        source = self._office.policy
        policy = str(self._folder / f"{job.id}.toml") if job.policy == "draft" else source.file or SHIPPED
        words = ["--calls", str(ledger), "--record", "--json", "--lang", "en"]
        words += ["--from", job.first] * bool(job.first) + ["--to", job.last] * bool(job.last)
        words += ["--good", source.good] * bool(source.good)
        return (sys.executable, "-m", "tosqauyl", "backtest", policy, *words)

    def _run(self, job: Job, command: tuple[str, ...], held: int) -> None:
        """In a thread of its own, which lives as long as the process."""
        out, said = self._folder / f"{job.id}.out", self._folder / f"{job.id}.said"
        code = -1
        try:
            with _opened(out) as to, _opened(said) as errors:
                process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                    lowered(command, ends_with_caller=True), stdin=subprocess.DEVNULL, stdout=to, stderr=errors,
                    pass_fds=(held,),
                )  # fmt: skip
                with self._lock:
                    self._process = process
                code = process.wait()
        except OSError as error:
            self._office.alarm(f"ALARM: a back-test could not be begun: {error.strerror}")
        finally:
            with self._lock:
                self._process = None
            self._end(job, code, out, said)
            with suppress(OSError):
                out.unlink()
            os.close(held)

    def _end(self, job: Job, code: int, out: Path, said: Path) -> None:
        """Write down what came of it. Nothing here may leave the lock held."""
        done, count = self._progress(job)
        ended = replace(job, ended=self._office.registry.clock(), done=done, count=count)
        try:
            self._write(self._ended(ended, code, out, said))
        except OSError as error:
            self._office.alarm(f"ALARM: the end of a back-test could not be written down: {error.strerror}")

    def _ended(self, job: Job, code: int, out: Path, said: Path) -> Job:
        if code and job.id in self._cancelled:
            return replace(job, state="cancelled")
        if code == -signal.SIGTERM:
            return replace(job, state="interrupted")
        if code == 0:
            with suppress(OSError, ValueError, KeyError, TypeError):
                told = json.loads(out.read_bytes())
                rows = int(told["rows"])
                return replace(job, state="done", record=str(told["record"]), done=rows, count=rows)
        words = _tail(said)
        self._office.alarm(f"ALARM: a back-test failed: {words.strip()[-500:]}")
        return replace(job, state="failed", trouble="no-calls" if "no calls to judge" in words else "failed")

    def _progress(self, job: Job) -> tuple[int, int]:
        """Calls done and all calls, as the process said last."""
        found = _SAID.findall(_tail(self._folder / f"{job.id}.said"))
        return (int(found[-1][0].replace(",", "")), int(found[-1][1].replace(",", ""))) if found else (0, 0)

    def _write(self, job: Job) -> None:
        write_whole(self._folder / f"{job.id}.json", json.dumps(asdict(job)))

    def _take_lock(self, job_id: str) -> int:
        """The lock, with the job's name in it. Raises Conflict."""
        descriptor = os.open(self._folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            raise Conflict("a back-test is running already", hint="wait for it, or end it") from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, job_id.encode(), 0)
        return descriptor

    def _holder(self) -> str:
        """The job that holds the lock; '' for none."""
        try:
            descriptor = os.open(self._folder / LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            return ""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return ""
        except OSError:
            return os.pread(descriptor, 64, 0).decode("ascii", "replace")
        finally:
            os.close(descriptor)

    def _names(self) -> list[str]:
        """Ids of jobs, the latest first: they sort by time."""
        return sorted((path.stem for path in self._folder.glob("*-*-*-*-*.json")), reverse=True)

    def _tidy(self) -> None:
        for name in self._names()[MOST_JOBS - 1 :]:
            for ending in ("json", "toml", "said", "out"):
                (self._folder / f"{name}.{ending}").unlink(missing_ok=True)


def backtests_of(office: Office) -> BacktestDesk:
    """The office's jobs."""
    with _making:
        if office.backtests is None:
            office.backtests = BacktestDesk(office)
            office.stopping.append(office.backtests.stop)
        return office.backtests


def _opened(path: Path) -> Any:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    return open(path, "wb", opener=lambda name, _: os.open(name, flags, 0o600))


def _tail(path: Path) -> str:
    """The last of what a process said."""
    try:
        with path.open("rb") as file:
            file.seek(max(file.seek(0, os.SEEK_END) - TAIL, 0))
            return file.read(TAIL).decode("utf-8", "replace")
    except OSError:
        return ""
