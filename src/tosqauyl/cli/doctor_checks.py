"""What a healthy deployment looks like: facts of a machine and its gate -> findings. Pure, so every case is a row of a table."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tosqauyl.texts import N_

OK, WARNING, WRONG = "ok", "warning", "wrong"
DAY = 86400.0
GIB = 1 << 30
RECEIVE_BUFFER = 8 << 20
"""Bytes the gate asks for each UDP socket (gate/server.py)."""
SPARE_FILES = 256
"""Descriptors beside the streams: listeners, journal, HTTP, snapshot files."""
SLOW_ANSWER = 0.1
"""Seconds. An idle gate answers in under 2 ms and may ask a home network for 300 ms; test numbers are never asked about."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. check: which group; what, mend: texts marked for translation, filled in with values."""

    check: str
    level: str
    what: str
    mend: str = ""
    values: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Clock:
    """What the kernel says of its clock: None where it cannot be asked; error: its own estimate, seconds."""

    synchronised: bool | None
    error: float = 0.0


@dataclass(frozen=True, slots=True)
class Disk:
    """The data folder. mode, key_mode: permission bits, None where it is not there. writable: by who runs the doctor.
    rate: journal bytes a second lately, 0 where not known."""

    folder: str
    mode: int | None
    key_mode: int | None
    writable: bool
    free_bytes: int
    journal_bytes: int
    rate: float = 0.0


@dataclass(frozen=True, slots=True)
class SnapshotFile:
    """The newest snapshot: '' where there is none; age in seconds; error: why it cannot be loaded, '' if it can."""

    path: str
    age: float = 0.0
    error: str = ""


@dataclass(frozen=True, slots=True)
class Machine:
    """Limits of this machine and how the package runs. receive_buffer: net.core.rmem_max, 0 where not known."""

    receive_buffer: int
    files: int
    compiled: bool
    is_root: bool = False


@dataclass(frozen=True, slots=True)
class Certificate:
    """A TLS certificate file: seconds until it ends, or why it cannot be read."""

    path: str
    left: float = 0.0
    error: str = ""


@dataclass(frozen=True, slots=True)
class Port:
    """A listener of the configuration. state: free, taken, absent (no such address here), denied.
    answered: seconds until its OPTIONS was answered, None for no answer. asked: whether a trunk admits this machine."""

    listener: str
    state: str
    asked: bool = False
    answered: float | None = None


def check_clock(clock: Clock) -> list[Finding]:
    """Rules expire and lists run out by the wall clock, and several gates' journals are read together."""
    mend = N_("run a time service such as chrony or systemd-timesyncd, and let it slew")
    if clock.synchronised is None:
        return [Finding("clock", WARNING, N_("the kernel does not say whether the clock is synchronised"), mend)]
    if not clock.synchronised:
        return [Finding("clock", WARNING, N_("the clock is not synchronised"), mend)]
    values = {"seconds": round(clock.error, 3)}
    if clock.error > 1.0:
        return [Finding("clock", WARNING, N_("the clock may be off by {seconds} s"), mend, values)]
    return [Finding("clock", OK, N_("the clock is synchronised, to within {seconds} s"), "", values)]


def check_disk(disk: Disk, keep_bytes: int, keep_seconds: float) -> list[Finding]:
    """The data folder: private, writable, and with room for what retention lets the journal grow to."""
    values = {"folder": disk.folder}
    if disk.mode is None:
        if disk.writable:
            return [Finding("disk", OK, N_("{folder} is not there yet; the gate makes it"), "", values)]
        mend = N_("make it, owned by the user of the gate: install -d -m 0700 -o tosqauyl {folder}")
        return [Finding("disk", WRONG, N_("{folder} is not there and cannot be made"), mend, values)]
    found = []
    if disk.mode & 0o077:
        what = N_("others may look into {folder} (mode {mode})")
        found.append(Finding("disk", WRONG, what, "chmod 0700 {folder}", values | {"mode": f"{disk.mode:04o}"}))
    if disk.key_mode is not None and disk.key_mode & 0o077:
        what = N_("others may read the key {folder}/token.key (mode {mode})")
        mend = N_("chmod 0600 {folder}/token.key; who has copied it can test which number a token stands for")
        found.append(Finding("disk", WRONG, what, mend, values | {"mode": f"{disk.key_mode:04o}"}))
    if not disk.writable:
        mend = N_("run the doctor as the user of the gate, or give that user the folder")
        found.append(Finding("disk", WARNING, N_("{folder} cannot be written by who runs this"), mend, values))
    return [*found, _room(disk, keep_bytes, keep_seconds)]


def _room(disk: Disk, keep_bytes: int, keep_seconds: float) -> Finding:
    """Whether the disk holds what the journal may still grow by."""
    may_grow = max(keep_bytes - disk.journal_bytes, 0)
    if disk.rate:
        may_grow = min(may_grow, max(int(disk.rate * keep_seconds) - disk.journal_bytes, 0))
    days = disk.free_bytes / disk.rate / DAY if disk.rate else 0.0
    values = {
        "folder": disk.folder,
        "free": round(disk.free_bytes / GIB, 1),
        "grow": round(may_grow / GIB, 1),
        "days": round(days, 1),
    }
    mend = N_("make room, give the journal a file system of its own, or lower journal.keep_gb")
    if disk.free_bytes < GIB or (disk.rate and days < 1 and disk.free_bytes < may_grow):
        return Finding("disk", WRONG, N_("only {free} GiB are free on the disk of {folder}"), mend, values)
    if disk.free_bytes < may_grow:
        what = N_("{free} GiB are free, but the journal may still grow by {grow} GiB")
        return Finding("disk", WARNING, what, mend, values)
    return Finding("disk", OK, N_("{free} GiB are free, the journal may still grow by {grow} GiB"), "", values)


def check_snapshot(newest: SnapshotFile) -> list[Finding]:
    """The snapshot a gate would start from."""
    values = {"path": newest.path, "hours": round(newest.age / 3600, 1), "error": newest.error}
    if not newest.path:
        mend = N_("`tosqauyl snapshot build` makes one; the gate does so itself at its start")
        return [Finding("snapshot", WARNING, N_("there is no snapshot yet"), mend)]
    if newest.error:
        mend = N_("build it anew with `tosqauyl snapshot build`; the gate refuses it and keeps the old one")
        return [Finding("snapshot", WRONG, N_("{path} cannot be loaded: {error}"), mend, values)]
    if newest.age > DAY:
        mend = N_("build one at least daily: lists and roaming states in it are as old as the file")
        return [Finding("snapshot", WARNING, N_("the newest snapshot is {hours} hours old"), mend, values)]
    return [Finding("snapshot", OK, N_("the newest snapshot is {hours} hours old and loads"), "", values)]


def check_subscribers(roaming: str, age: float | None, feeds: bool) -> list[Finding]:
    """Where the states of subscribers come from. age: of the roaming file in seconds, None where it cannot be read."""
    values = {"file": roaming, "hours": round((age or 0.0) / 3600, 1)}
    if not roaming and feeds:
        return [Finding("subscribers", OK, N_("roaming states come from a feed"))]
    if not roaming:
        what = N_("no roaming file and no feed: of a Kazakh mobile nobody knows whether it is abroad")
        mend = N_("set subscribers.roaming, or a [[client]] with the scope feed; until then such calls pass")
        return [Finding("subscribers", WARNING, what, mend)]
    if age is None:
        mend = N_("see that the user of the gate may read it")
        return [Finding("subscribers", WRONG, N_("the roaming file {file} cannot be read"), mend, values)]
    if age > DAY and not feeds:
        mend = N_("stale roaming data stop honest travellers: have the file written at least daily")
        return [Finding("subscribers", WARNING, N_("the roaming file {file} is {hours} hours old"), mend, values)]
    return [Finding("subscribers", OK, N_("the roaming file {file} is {hours} hours old"), "", values)]


def check_publications(source: str, age: float | None, stale_minutes: int) -> list[Finding]:
    """The list of the office that is followed. source: '' where none is; age: in seconds since it was heard, None for never."""
    if not source:
        return []
    values = {"minutes": round((age or 0.0) / 60, 1), "limit": stale_minutes}
    if age is None:
        mend = N_("start the gate and see its standard error; `tosqauyl publications build` tries it by hand")
        return [Finding("publications", WARNING, N_("the gate has no list of the office yet"), mend)]
    if age > stale_minutes * 60.0:
        what = N_("the office was heard {minutes} min ago, more than {limit}: the list holds, but may be outdated")
        mend = N_("see whether the gate runs, and publications.last_error in its status")
        return [Finding("publications", WARNING, what, mend, values)]
    return [Finding("publications", OK, N_("the office was heard {minutes} min ago"), "", values)]


def check_machine(machine: Machine, connections: int) -> list[Finding]:
    """Receive buffer, descriptors, and whether the call path is compiled. connections: streams that may be open."""
    found = []
    values: dict[str, object] = {"have": machine.receive_buffer, "want": RECEIVE_BUFFER}
    if 0 < machine.receive_buffer < RECEIVE_BUFFER and not machine.is_root:
        what = N_("UDP sockets get {have} bytes of receive buffer, {want} are asked for: bursts may be lost")
        found.append(Finding("system", WARNING, what, "sysctl -w net.core.rmem_max={want}", values))
    else:
        found.append(Finding("system", OK, N_("the receive buffer may be as large as it is asked for")))
    values = {"have": machine.files, "want": connections + SPARE_FILES}
    if machine.files < connections + SPARE_FILES:
        what = N_("{have} open files are allowed here, {want} may be needed")
        mend = N_("ulimit -n {want}, or LimitNOFILE= in the unit; the unit of deploy/systemd has it")
        found.append(Finding("system", WARNING, what, mend, values))
    else:
        found.append(Finding("system", OK, N_("{have} open files are allowed"), "", values))
    if machine.compiled:
        found.append(Finding("system", OK, N_("the call path is compiled")))
    else:
        mend = N_("install where a C compiler and Python's headers are; it carries about half the calls until then")
        found.append(Finding("system", WARNING, N_("the call path runs as plain Python"), mend))
    return found


def check_certificates(certificates: Iterable[Certificate]) -> list[Finding]:
    """Certificates that ended or soon will: a carrier's SBC would no longer connect."""
    found = []
    for one in certificates:
        values = {"path": one.path, "days": int(one.left // DAY), "error": one.error}
        mend = N_("renew it; the gate takes the new file on SIGHUP (systemctl reload tosqauyl)")
        if one.error:
            found.append(Finding("tls", WRONG, N_("{path} cannot be used: {error}"), mend, values))
        elif one.left <= 0:
            found.append(Finding("tls", WRONG, N_("the certificate {path} has ended"), mend, values))
        elif one.left < 21 * DAY:
            found.append(Finding("tls", WARNING, N_("the certificate {path} ends in {days} days"), mend, values))
        else:
            found.append(Finding("tls", OK, N_("the certificate {path} holds for {days} days"), "", values))
    return found


def check_ports(ports: Iterable[Port]) -> list[Finding]:
    """Each listener: answered by a gate, free for one, or in the way."""
    return [_port(port) for port in ports]


def _port(port: Port) -> Finding:
    values = {"listener": port.listener, "ms": round((port.answered or 0.0) * 1000, 1)}
    if port.state == "absent":
        mend = N_("see `ip address` for the addresses of this machine")
        return Finding("ports", WRONG, N_("{listener}: this machine has no such address"), mend, values)
    if port.state == "denied":
        mend = N_("take a port above 1023, or give the gate CAP_NET_BIND_SERVICE")
        return Finding("ports", WRONG, N_("{listener}: this user may not open that port"), mend, values)
    if port.state == "free":
        mend = N_("start it: systemctl start tosqauyl")
        return Finding("ports", WARNING, N_("{listener}: the port is free, no gate runs there"), mend, values)
    if port.answered is not None:
        return Finding("ports", OK, N_("{listener}: a gate answered OPTIONS in {ms} ms"), "", values)
    if not port.asked:
        what = N_("{listener}: somebody listens there, but no trunk lets this machine ask who")
        mend = N_("add the doctor's own trunk (docs/doctor.md), or run the doctor at the SBC with --gate")
        return Finding("ports", WARNING, what, mend, values)
    mend = N_("see who it is: ss -lntup; a gate with another configuration answers nobody it does not know")
    return Finding("ports", WRONG, N_("{listener}: somebody listens there and does not answer OPTIONS"), mend, values)
