"""The demo as somebody starts it from a shell: what it says is read, and it is ended by the group that was started for it."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

CONSOLE, SIGN_IN = "Console and tour: ", "Sign in as: "
ENDS_WITHIN = 60.0


class RunningDemo:
    """A command that starts the demo, in a session of its own. folder: where its temporary folder is made."""

    def __init__(self, command: Sequence[str], cwd: Path, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder, self.lines, self._told = folder, list[str](), threading.Condition()
        self.process = subprocess.Popen(
            list(command), cwd=cwd, env={**environment, "TMPDIR": str(folder), "TOSQAUYL_LANG": "en"},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip
        threading.Thread(target=self._read, daemon=True).start()

    def said(self, beginning: str, within: float) -> str:
        """The rest of the first line that begins so. Fails where it does not come in time."""
        until = time.monotonic() + within
        with self._told:
            while True:
                for line in self.lines:
                    if line.startswith(beginning):
                        return line.removeprefix(beginning)
                left = until - time.monotonic()
                assert left > 0, f"it did not say {beginning!r}:\n" + "".join(f"{line}\n" for line in self.lines)
                assert self.process.poll() is None, "it ended:\n" + "".join(f"{line}\n" for line in self.lines)
                self._told.wait(min(left, 1.0))

    def end(self) -> int:
        """End it as Ctrl-C in its terminal would not: politely, whatever it started among it; the exit code."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
        return self.process.wait(ENDS_WITHIN)

    @property
    def left_over(self) -> list[str]:
        """What it left in its temporary folder."""
        return [path.name for path in self.folder.glob("tosqauyl-demo-*")]

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._told:
                self.lines.append(line.rstrip("\n"))
                self._told.notify_all()
        with self._told:
            self._told.notify_all()
