"""Follows a tutorial as a reader would: one shell, its commands in order, what they print held against the page.

What a page may say of its blocks, in a comment on the line above, which no reader sees:

    <!-- file: gate.toml -->       the block is the content of that file
    <!-- terminal: gate -->        a command that stays: it has a terminal of its own, and is ready once it printed what the page shows
                                   (at once where it shows nothing)
    <!-- end: gate -->             that terminal is closed here; no block follows

A `console` block holds commands after `$ ` (a line after `> ` goes on with one) and, below each, lines that it prints, in order and
perhaps not all of them; `...` stands for whatever differs from run to run. A command that fails ends the tutorial.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PORTS = ("5060", "5070", "8060", "8480", "8490", "5432")
"""Ports that the pages name; each run has others in their place."""
MAKE_RUN = "tosqauyl serve --listen udp:127.0.0.1:5060 --data var"
"""What `make run` runs, by the Makefile; the tests never set a .venv up anew."""
ENDED = "tutorial-command-ended"
SECONDS = 300.0
BLOCK = re.compile(
    r"(?:^<!-- (file|terminal): (\S+) -->\n)?^```(\w+)\n(.*?)^```$|^<!-- end: (\S+) -->$", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Step:
    """kind: command, terminal, file, end. name: of terminal or file. text: command or content. shown: what must be printed."""

    kind: str
    name: str
    text: str
    shown: tuple[str, ...] = ()


def steps(page: Path) -> Iterator[Step]:
    """The steps of a page, in order. Blocks that are neither a file nor `console` are for reading only."""
    for kind, name, language, body, ended in BLOCK.findall(page.read_text("utf-8")):
        if ended:
            yield Step("end", ended, "")
        elif kind == "file":
            yield Step("file", name, body)
        elif language == "console":
            yield from (Step(kind or "command", name, text, shown) for text, shown in _commands(body))


def _commands(body: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    lines: list[str] = []
    shown: list[str] = []
    for line in [*body.splitlines(), "$ "]:
        if line.startswith("$ "):
            if lines:
                yield "\n".join(lines), tuple(shown)
            lines, shown = [line[2:]], []
        elif line.startswith("> ") and not shown:
            lines.append(line[2:])
        elif line.strip():
            shown.append(line.rstrip())


class Reader:
    """Somebody at a shell in a new folder, in which `deploy` and `docs` of the repository are at hand."""

    def __init__(self, folder: Path, ports: dict[str, str]) -> None:
        self.folder = folder
        self.ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True)) | ports
        self.terminals: dict[str, Terminal] = {}
        (folder / "bin").mkdir(parents=True)
        for name in ("deploy", "docs"):
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("*.png"))
        for name, words in (("tosqauyl", " -m tosqauyl"), ("python", "")):
            program = folder / "bin" / name
            program.write_text(f'#!/bin/sh\nexec "{sys.executable}"{words} "$@"\n')
            program.chmod(0o755)
        self.environment = {
            **os.environ, "PATH": f"{folder / 'bin'}:{os.environ['PATH']}:/usr/sbin", "PYTHONPATH": str(ROOT / "src"),
            "TOSQAUYL_LANG": "en", "COLUMNS": "160", "NO_COLOR": "1", "TERM": "dumb",
        }  # fmt: skip
        self.shell = Terminal("bash --noprofile --norc", folder, self.environment)

    def here(self, text: str) -> str:
        """A page's text with this run's ports."""
        return re.sub(rf"\b({'|'.join(PORTS)})\b", lambda found: self.ports[found[0]], text)

    def take(self, step: Step) -> None:
        """Do one step. Raises AssertionError with everything that was printed."""
        text = self.here(step.text.replace("make run", MAKE_RUN))
        if step.kind == "file":
            (self.folder / step.name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / step.name).write_text(text, "utf-8")
        elif step.kind == "end":
            self.terminals.pop(step.name).close()
        elif step.kind == "terminal":
            self.terminals[step.name] = Terminal(text, self.folder, self.environment)
            if step.shown:
                self._compare(self.terminals[step.name].until(_pattern(self.here(step.shown[-1]))), step)
        else:
            printed = self.shell.run(text)
            code = printed.pop().rpartition(" ")[2]
            said = "\n".join(printed)
            assert code == "0", f"exit code {code}: $ {text}\n{said}"
            self._compare(printed, step)

    def _compare(self, printed: list[str], step: Step) -> None:
        left = iter(printed)
        for shown in map(self.here, step.shown):
            wanted = _pattern(shown)
            if shown.strip() != "..." and not any(wanted.fullmatch(line.rstrip()) for line in left):
                said = "\n".join(printed)
                raise AssertionError(
                    f"$ {step.text}\nthe page shows a line that was not printed, or not here:\n{shown}\nprinted:\n{said}"
                )

    def close(self) -> None:
        """End all that was started."""
        for terminal in [*self.terminals.values(), self.shell]:
            terminal.close()


def _pattern(shown: str) -> "re.Pattern[str]":
    """A shown line, blanks of any number, `...` for anything."""
    parts = (r"\s+".join(map(re.escape, part.split())) for part in re.split(r"\.\.\.", shown))
    loose = [part if part else "" for part in parts]
    return re.compile(r"\s*" + r".*".join(loose).replace(".*", r"\s*.*\s*") + r"\s*")


class Terminal:
    """A shell command with its own process group, its output read by lines."""

    def __init__(self, command: str, folder: Path, environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            ["bash", "-c", command], cwd=folder, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip

    def run(self, command: str) -> list[str]:
        """Give a command; its lines, and one with its exit code."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{command}\nprintf '\\n%s %d\\n' {ENDED} $?\n")
        self.process.stdin.flush()
        return self.until(re.compile(rf"{ENDED} \d+"))

    def until(self, last: "re.Pattern[str]") -> list[str]:
        """The lines up to one that matches. Raises AssertionError where none comes in time."""
        printed: list[str] = []
        over = threading.Timer(SECONDS, self.close)
        over.start()
        try:
            assert self.process.stdout is not None
            for line in self.process.stdout:
                printed.append(line.rstrip("\n"))
                if last.fullmatch(printed[-1].rstrip()):
                    return printed
        finally:
            over.cancel()
        raise AssertionError(
            f"it ended, or took longer than {SECONDS:.0f} s, without {last.pattern!r}:\n" + "\n".join(printed)
        )

    def close(self) -> None:
        """End it and what it started."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self.process.poll() is None:
                os.killpg(self.process.pid, number)
                try:
                    self.process.wait(15)
                except subprocess.TimeoutExpired:
                    continue


def free_ports(count: int) -> list[str]:
    """Ports free for TCP and UDP, no two alike."""
    held: list[socket.socket] = []
    try:
        while len(held) < 2 * count:
            tcp = socket.create_server(("127.0.0.1", 0))
            udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            try:
                udp.bind(tcp.getsockname())
            except OSError:
                udp.close()
                tcp.close()
                continue
            held += [tcp, udp]
        return [str(one.getsockname()[1]) for one in held[::2]]
    finally:
        for one in held:
            one.close()


def follow(page: Path, folder: Path, ports: dict[str, str] | None = None) -> int:
    """Do everything that a page says; how many commands there were. ports: of what is there already, by the page's."""
    reader, count = Reader(folder, ports or {}), 0
    try:
        for step in steps(page):
            reader.take(step)
            count += step.kind in ("command", "terminal")
    finally:
        reader.close()
    return count
