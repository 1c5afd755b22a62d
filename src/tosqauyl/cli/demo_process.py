"""Programs that the demo starts: each in a process of its own, waited for until it is ready, ended by its own id."""

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tosqauyl.cli.view import Health
from tosqauyl.errors import TosqauylError

GATE_PROGRAM = ("-m", "tosqauyl", "serve")
READY_WITHIN = 30.0
ENDS_WITHIN = 15.0
PAGE = 4096


class Program:
    """A program of ours that runs beside the demo. name: how it is called where something is wrong with it."""

    def __init__(self, name: str, words: Sequence[str], folder: Path) -> None:
        """words: what the interpreter runs; folder: where its output goes."""
        self.name = name
        self._out, self._err = folder / f"{name}.out", folder / f"{name}.err"
        # A session of its own: Ctrl-C is for the demo, which then ends its programs in order.
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self._child = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [sys.executable, *words], stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True
            )

    def wait_ready(self, within: float = READY_WITHIN) -> str:
        """Wait for the line `ready ...` on its standard output; what stands behind the word. Raises TosqauylError."""
        until = time.monotonic() + within
        while time.monotonic() < until:
            ended = not self.is_alive
            for line in self._out.read_text("utf-8", "replace").splitlines():
                if line.startswith("ready"):
                    return line.removeprefix("ready").strip()
            if ended:
                break
            time.sleep(0.05)
        said = self._err.read_text("utf-8", "replace").strip()[-2000:]
        raise TosqauylError(f"the {self.name} did not start", hint=said or "it said nothing")

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""
        return self._child.poll() is None

    @property
    def health(self) -> Health:
        """Whether it runs, and its resident memory where the system tells (Linux)."""
        alive = self.is_alive
        try:
            pages = int(Path(f"/proc/{self._child.pid}/statm").read_text().split()[1])
        except (OSError, ValueError, IndexError):
            return Health(alive)
        return Health(alive, pages * PAGE / 2**20)

    def end(self) -> int:
        """SIGTERM, and SIGKILL if that is not enough; the exit code."""
        if self.is_alive:
            self._child.terminate()
        try:
            return self._child.wait(ENDS_WITHIN)
        except subprocess.TimeoutExpired:
            self._child.kill()
            return self._child.wait()


class GateProcess(Program):
    """A gate. Raises TosqauylError from `wait_ready` when it does not come up."""

    def __init__(self, config: Path, folder: Path, program: Sequence[str] = GATE_PROGRAM) -> None:
        """program: what the interpreter runs as the gate; tests put a stub there."""
        super().__init__("gate", [*program, "--config", str(config)], folder)
