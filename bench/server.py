"""Start a gate for a bench or a peer test: free ports, a configuration file, the ready line, health, resident memory.

The gate runs in its own process and is ended by its own process id. Nothing here imports the product: what is measured
is the command a person would run.
"""

import hashlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HERE = Path(__file__).resolve().parent
COMMAND = [str(Path(sys.executable).parent / "tosqauyl"), "serve"]
TOKEN = secrets.token_urlsafe(32)
"""Token of the bench's client, made anew for each run of the bench."""
START_SECONDS = 60.0  # a roaming file of 25 million numbers is loaded before the ready line


SETTINGS = """\
data = "{data}"
enforce = true
{top}
[http]
listen = "127.0.0.1:0"

[[client]]
id = "bench"
token = "{token}"
scopes = ["metrics", "screen", "reload"]

[subscribers]
roaming = "{roaming}"
complete = true

[numbers]
msrn = ["+77019900000-+77019900999"]
{tables}
[[profile]]
name = "usual"
"""
TRUNK = """
[[trunk]]
id = "{direction}"
listen = "udp:127.0.0.1:{port}"
from = ["{source}/32"]
direction = "{direction}"
profile = "usual"
trust = ["asserted"]
next_hop = "sender"
"""
TRUNKS = {"international": "127.0.0.2", "domestic": "127.0.0.3", "unknown": "127.0.0.5"}
"""The trunks of the bench: direction and the address their datagrams come from (bench/mixes.py)."""


def write_settings(folder: Path, roaming: Path, *, top: str = "", tables: str = "") -> Path:
    """Write the bench's configuration into `folder`: full shipped policy, enforced, journal on, three trunks."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    token = f"sha256:{hashlib.sha256(TOKEN.encode()).hexdigest()}"
    text = SETTINGS.format(data=folder / "data", roaming=roaming, top=top, tables=tables, token=token)
    text += "".join(TRUNK.format(direction=direction, source=source, port=port) for direction, source in TRUNKS.items())
    path = folder / "gate.toml"
    path.write_text(text, encoding="utf-8")
    return path


class NotReady(RuntimeError):
    """The gate ended or said nothing before its time was up; the text holds what it wrote."""


def free_port(host: str = "127.0.0.1", kind: int = socket.SOCK_DGRAM) -> int:
    """A port of `host` that nobody uses at this moment."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


class Gate:
    """One running gate. `port` is its first SIP port, `http` its health port, `data` its journal folder.

    places: every word of the ready line by its first part: {"udp": "127.0.0.1:5060", "tls": ...}.
    """

    def __init__(
        self, arguments: list[str], data: Path, *, core: int | None = None, wait: float = START_SECONDS
    ) -> None:
        pin = ["taskset", "-c", str(core)] if core is not None else []
        self.data = data
        self.errors = data.parent / f"{data.name}.stderr"
        self._errors = self.errors.open("ab")
        self.process = subprocess.Popen(
            [*pin, *COMMAND, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            cwd=data.parent,
        )
        self.places = self._ready(wait)
        self.http = self.places.get("http", "")
        first = next(place for kind, place in self.places.items() if kind in ("udp", "tcp", "tls"))
        self.port = int(first.rpartition(":")[2])

    def _ready(self, wait: float) -> dict[str, str]:
        lines: list[str] = []
        said = threading.Event()

        def read() -> None:
            assert self.process.stdout is not None
            for raw in self.process.stdout:
                lines.append(raw.decode(errors="replace"))
                if lines[-1].startswith("ready "):
                    said.set()
            said.set()

        threading.Thread(target=read, daemon=True).start()
        said.wait(wait)
        for line in lines:
            if line.startswith("ready "):
                return dict(word.split(":", 1) for word in line.split()[1:])
        self.kill()
        raise NotReady(f"no ready line: {''.join(lines)}{self.errors.read_text(errors='replace')[-4000:]}")

    def health(self) -> dict[str, object]:
        """The answer of /v1/status."""
        asked = urllib.request.Request(f"http://{self.http}/v1/status", headers={"Authorization": f"Bearer {TOKEN}"})
        with urllib.request.urlopen(asked, timeout=5) as answer:
            found: dict[str, object] = json.load(answer)
        return found

    def counters(self) -> dict[str, int]:
        """The gate's counters by name."""
        counters = self.health()["counters"]
        assert isinstance(counters, dict)
        return counters

    def resident_kb(self) -> int:
        """Resident memory in KB (VmRSS)."""
        return int(Path(f"/proc/{self.process.pid}/status").read_text().split("VmRSS:")[1].split()[0])

    def cpu_seconds(self) -> float:
        """User and system time used so far, seconds."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self, wait: float = 15.0) -> int:
        """SIGTERM, then wait; returns the exit code (a gate that does not end is killed and gives -9)."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(wait)
            except subprocess.TimeoutExpired:
                self.kill()
        self._errors.close()
        return int(self.process.returncode)

    def kill(self) -> None:
        """SIGKILL, as a power button or the kernel's memory killer would."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(15)

    def __enter__(self) -> "Gate":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def journal_rows(data: Path) -> list[dict[str, str]]:
    """Every whole row of every journal segment below `data`, by column name; a torn last line is left out."""
    rows = []
    for path in sorted(data.rglob("*.tsv")):
        lines = path.read_bytes().split(b"\n")
        names = lines[0].decode().split("\t")
        for line in lines[1:-1]:  # what stands after the last newline is torn or empty
            if line and not line.startswith(b"#"):
                rows.append(dict(zip(names, line.decode().split("\t"), strict=False)))
    return rows


def build_loader(folder: Path) -> Path:
    """Compile bench/load.c into `folder` (once) and return the program's path."""
    program = folder / "load"
    if not program.exists():
        subprocess.run(["cc", "-O2", "-Wall", "-o", str(program), str(HERE / "load.c")], check=True)
    return program


def load(program: Path, corpus: Path, gate: Gate, *, core: int | None = None, **options: object) -> dict[str, float]:
    """Run bench/load.c against a gate and return its figures; options as the program names them (calls=, rate=, ...)."""
    pin = ["taskset", "-c", str(core)] if core is not None else []
    words = [f"{name}={value}" for name, value in options.items()]
    done = subprocess.run(
        [*pin, str(program), str(corpus), f"127.0.0.1:{gate.port}", *words], capture_output=True, text=True, check=True
    )
    figures: dict[str, float] = json.loads(done.stdout)
    return figures
