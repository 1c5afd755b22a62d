"""The office at work: uvicorn in the foreground, and the jobs, each in a thread of its own, so that a slow one holds up no other.

A job is a bounded piece of work. One that fails is told to the operator and counted, and comes again at its next time; one
that finds the database away comes again within seconds. Log lines of requests are not written: they would be a log of who asked for
what.
"""

import asyncio
import logging
import signal
import socket
import ssl
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import uvicorn

from tosqauyl.errors import TosqauylError
from tosqauyl.registry.errors import Unavailable
from tosqauyl.web.failures import where_of
from tosqauyl.web.office import JOBS_AT, Office

OFTEN_SECONDS = 60.0
"""Jobs that come this often say whether the office is well."""
AWAY_SECONDS = 5.0
"""After so long a job that found the database away is tried again, however rare it is."""
GRACE_SECONDS = 10
"""How long answers have to end when the office is stopped."""
HEAD_BYTES = 64 << 10


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """host, port: where the office listens, port 0 picks one; certificate, key: files (PEM), '' for plain http; proxies: addresses
    whose X-Forwarded-For is believed; connections: at once, one more gets 503."""

    host: str = "127.0.0.1"
    port: int = 8480
    certificate: str = ""
    key: str = ""
    proxies: tuple[str, ...] = ()
    connections: int = 1_000


@dataclass(frozen=True, slots=True)
class Job:
    """Something that is done again and again. every: seconds between its end and its next beginning; first: from the start of the
    office to its first beginning, for what is heavy and can wait until people are served."""

    name: str
    every: float
    run: Callable[[], object]
    first: float = 0.0


class Jobs:
    """Runs jobs until it is stopped."""

    def __init__(self, jobs: Iterable[Job], office: Office) -> None:
        self._jobs, self._office, self._stopped = tuple(jobs), office, threading.Event()
        self._threads = [
            threading.Thread(target=self._loop, args=(job,), name=job.name, daemon=True) for job in self._jobs
        ]
        self._ended = {job.name: 0 for job in self._jobs if job.every <= OFTEN_SECONDS}
        self._away: set[str] = set()
        self._lock = threading.Lock()

    def start(self) -> None:
        """Begin every job."""
        for thread in self._threads:
            thread.start()

    def stop(self, seconds: float = GRACE_SECONDS) -> list[str]:
        """End them; the names of those that still run after so long."""
        self._stopped.set()
        for thread in self._threads:
            thread.join(seconds)
        return [thread.name for thread in self._threads if thread.is_alive()]

    def run_once(self, job: Job) -> bool:
        """Do a job now; whether it succeeded. Whatever it raises is told and counted."""
        counters = self._office.counters
        try:
            job.run()
        except Unavailable as error:
            self._note_away(job, error)
            return False
        except Exception as error:  # noqa: BLE001 - the office goes on, and so do its other jobs
            what = str(error) if isinstance(error, TosqauylError) else where_of(error)
            with self._lock:
                counters["jobs_failed"] = counters.get("jobs_failed", 0) + 1
            self._office.alarm(f"ALARM: the job {job.name} failed: {what}")
            return False
        with self._lock:
            self._away.discard(job.name)
            if job.name in self._ended:
                self._ended[job.name] = self._office.registry.clock()
                counters[JOBS_AT] = min(self._ended.values())
        return True

    def _note_away(self, job: Job, error: Unavailable) -> None:
        """Counted each time, told once until the job succeeds."""
        with self._lock:
            self._office.counters["jobs_failed"] = self._office.counters.get("jobs_failed", 0) + 1
            first = job.name not in self._away
            self._away.add(job.name)
        if first:
            self._office.alarm(f"ALARM: the job {job.name} failed: {error}")

    def _loop(self, job: Job) -> None:
        self._stopped.wait(job.first)
        while not self._stopped.is_set():
            self.run_once(job)
            self._stopped.wait(min(job.every, AWAY_SECONDS) if job.name in self._away else job.every)


def listen(options: ServeOptions) -> socket.socket:
    """The listening socket. Raises TosqauylError where it cannot be opened, or would send passwords in clear over a network."""
    if not options.certificate and not _is_near(options.host) and not options.proxies:
        hint = "set certificate and key, or name the proxy that has them in proxies"
        raise TosqauylError("beyond this machine the office is served by https only", f"listen {options.host}", hint)
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    # The protocol is named: asyncio turns Nagle's algorithm off only where it is, and answers in two pieces would wait 40 ms.
    tcp = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        tcp.bind((options.host, options.port))
        tcp.listen(1_024)
    except OSError as error:
        tcp.close()
        hint = "another program listens there: ss -ltnp shows which"
        raise TosqauylError(f"cannot listen: {error.strerror}", f"listen {options.host}:{options.port}", hint) from None
    return tcp


def serve(app: Any, tcp: socket.socket, options: ServeOptions, ready: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT. ready: told the address once requests are taken. Raises TosqauylError."""
    server = uvicorn.Server(_config(app, options))
    office: Office = app.state.office
    asyncio.run(_serve(server, tcp, office, lambda: ready(_address(tcp, options))))


async def _serve(server: uvicorn.Server, tcp: socket.socket, office: Office, ready: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()

    def stop() -> None:
        server.should_exit = True
        for call in office.stopping:
            call()

    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    task = asyncio.create_task(server._serve([tcp]))  # not `serve`: that one would end the process by the signal it got
    while not server.started and not task.done():
        await asyncio.sleep(0.02)
    if server.started:
        ready()
    await task


def _config(app: Any, options: ServeOptions) -> uvicorn.Config:
    config = uvicorn.Config(
        app, ws="none", lifespan="off", log_config=None, log_level=logging.CRITICAL + 1, access_log=False, server_header=False,
        proxy_headers=bool(options.proxies), forwarded_allow_ips=",".join(options.proxies), limit_concurrency=options.connections,
        timeout_keep_alive=30, timeout_graceful_shutdown=GRACE_SECONDS, h11_max_incomplete_event_size=HEAD_BYTES,
        ssl_certfile=options.certificate or None, ssl_keyfile=options.key or None,
    )  # fmt: skip
    try:
        config.load()
    except (OSError, ssl.SSLError) as error:
        raise TosqauylError(f"the certificate cannot be used: {error}", options.certificate) from None
    if isinstance(config.ssl, ssl.SSLContext):
        config.ssl.minimum_version = ssl.TLSVersion.TLSv1_2
    return config


def _address(tcp: socket.socket, options: ServeOptions) -> str:
    host, port = tcp.getsockname()[:2]
    return f"{'https' if options.certificate else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"


def _is_near(host: str) -> bool:
    return host in ("127.0.0.1", "::1", "localhost")
