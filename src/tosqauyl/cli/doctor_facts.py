"""The doctor at the rim: asks the kernel, the file system and a running gate. What it finds is judged in doctor_checks."""

import ctypes
import errno
import os
import resource
import shutil
import socket
import ssl
import time
from collections.abc import Iterable
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from tosqauyl.cli.doctor_calls import Place, ask, way_in
from tosqauyl.cli.doctor_checks import Certificate, Clock, Disk, Machine, Port, SnapshotFile
from tosqauyl.cli.publications import publications_folder, recall
from tosqauyl.config.addresses import parse_listen
from tosqauyl.config.load import Config
from tosqauyl.errors import TosqauylError
from tosqauyl.gate.http.options import Http
from tosqauyl.gate.trunks import Entry
from tosqauyl.journal.naming import segment_files
from tosqauyl.sip import message
from tosqauyl.snapshots.load import map_snapshot
from tosqauyl.tls import TlsFiles, server_context

_STA_UNSYNC = 0x0040
_MAXERROR, _STATUS = 3, 5
"""Places in struct timex, counted in longs (Linux on 64 bits: <sys/timex.h>): the maximal error in us, the status bits."""
RATE_SECONDS = 7 * 86400.0


def clock() -> Clock:
    """The kernel's own opinion (adjtimex with modes 0 reads and changes nothing)."""
    timex = (ctypes.c_long * 64)()
    try:
        state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(timex))
    except (AttributeError, OSError):
        return Clock(None)
    if state < 0:
        return Clock(None)
    return Clock(not timex[_STATUS] & _STA_UNSYNC, timex[_MAXERROR] / 1e6)


def disk(folder: str) -> Disk:
    """The data folder as it is now."""
    path = Path(folder)
    there = next(one for one in (path, *path.absolute().parents) if one.exists())
    sizes, rate = _journal(path / "journal")
    return Disk(
        folder, _mode(path), _mode(path / "token.key"), os.access(there, os.W_OK), shutil.disk_usage(there).free, sizes, rate
    )  # fmt: skip


def _mode(path: Path) -> int | None:
    try:
        return path.stat().st_mode & 0o7777
    except OSError:
        return None


def _journal(folder: Path) -> tuple[int, float]:
    """Bytes of all segments, and bytes a second over the last week's; a folder that may not be read has none."""
    total, recent, first, last = 0, 0, 0.0, 0.0
    with suppress(OSError):
        for segment in segment_files(folder):
            about = segment.path.stat()
            total += about.st_size
            if segment.opened > time.time() - RATE_SECONDS:
                recent += about.st_size
                first = min(first or segment.opened, segment.opened)
                last = max(last, about.st_mtime)
    return total, recent / (last - first) if last - first > 60 else 0.0


def snapshot(folder: str) -> SnapshotFile:
    """The newest snapshot of a data folder, verified."""
    with suppress(OSError):
        files = sorted((Path(folder) / "snapshots").glob("*.tqs"), key=lambda path: path.stat().st_mtime)
        if files:
            age, error = time.time() - files[-1].stat().st_mtime, ""
            try:
                map_snapshot(files[-1])
            except TosqauylError as problem:
                error = problem.what  # its place is told beside it
            return SnapshotFile(str(files[-1]), age, error)
    return SnapshotFile("")


def publications(config: Config) -> float | None:
    """Seconds since the gate last heard the office; None where it has no list."""
    published, heard = recall(publications_folder(config))
    return time.time() - heard if published.list_id else None


def age_of(file: str) -> float | None:
    """Seconds since a file was written; None where it cannot be read."""
    if not os.access(file, os.R_OK):
        return None
    return time.time() - os.stat(file).st_mtime


def machine() -> Machine:
    """Limits of this machine and this process."""
    try:
        buffer = int(Path("/proc/sys/net/core/rmem_max").read_text())
    except (OSError, ValueError):
        buffer = 0
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    compiled = not str(message.__file__).endswith(".py")
    return Machine(buffer, files if files >= 0 else 1 << 30, compiled, os.geteuid() == 0)


def certificate(files: TlsFiles) -> Certificate:
    """A server certificate: usable with its key, and how long still."""
    try:
        server_context(files)
        ends = ssl.cert_time_to_seconds(_decoded(files.certificate)["notAfter"])
    except (TosqauylError, OSError, ValueError, KeyError) as error:
        return Certificate(files.certificate, 0.0, str(error))
    return Certificate(files.certificate, ends - time.time())


def _decoded(path: str) -> dict[str, str]:
    """The fields of a PEM certificate. The standard library reads them for its own tests; it has no public way."""
    decode = ssl._ssl._test_decode_cert  # type: ignore[attr-defined]
    found: dict[str, str] = decode(path)
    return found


def readiness(http: Http) -> int | None:
    """Status of GET /readyz; None where the HTTP side is off, not reachable, or speaks TLS (then the call would need its
    own certificate)."""
    if http.listen is None or http.tls.certificate or not http.listen[1]:
        return None
    connection = HTTPConnection(*http.listen, timeout=2.0)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status
    except (OSError, HTTPException):
        return None
    finally:
        connection.close()


def place_of(listener: str) -> Place:
    """Where to reach a listener from this machine: a wildcard address is reached by loopback."""
    transport, host, port = parse_listen(listener)[:3]
    return Place(transport, {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), port)  # noqa: S104 - read, not bound


def own_addresses(place: Place) -> list[str]:
    """Addresses this machine may send from to `place`: the system's choice first, then loopback."""
    family = socket.AF_INET6 if ":" in place.host else socket.AF_INET
    found = []
    with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect((place.host, place.port or 9))
        found.append(str(probe.getsockname()[0]))
    return list(dict.fromkeys([*found, "::1" if ":" in place.host else "127.0.0.1"]))


def port_state(listener: str) -> str:
    """free, taken, absent or denied: what binding it would say. The socket is closed again at once."""
    transport, host, port = parse_listen(listener)[:3]
    kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind) as probe:
        if kind == socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return {errno.EADDRINUSE: "taken", errno.EACCES: "denied"}.get(error.errno or 0, "absent")
    return "free"


def ways(entries: Iterable[Entry]) -> list[tuple[Port, Place, Entry | None]]:
    """Every SIP listener: its state, and where it is open to us, from where and as which trunk it can be asked."""
    entries = tuple(entries)
    found: list[tuple[Port, Place, Entry | None]] = []
    for listener in dict.fromkeys(entry.listener for entry in entries):
        if listener == "http":
            continue
        place, state = place_of(listener), port_state(listener)
        way = way_in(entries, listener, own_addresses(place)) if state == "taken" else None
        if way is None:
            found.append((Port(listener, state), place, None))
            continue
        place = Place(place.transport, place.host, place.port, way[0])
        heard = ask(place, "OPTIONS", "doctor", way[1])
        found.append((Port(listener, state, True, heard.seconds if heard else None), place, way[1]))
    return found
