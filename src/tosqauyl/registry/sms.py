"""Texts to phones: what a code's text says, and a stand-in that writes texts to a file instead of sending them.

A real sender is whatever has `send(number, text)`; an operator's gateway is put in its place by whoever builds the office.
"""

import json
import os
from pathlib import Path

from tosqauyl.errors import TosqauylError
from tosqauyl.registry.shipped import shipped, titles

FILE = "sms.jsonl"
"""Of the stand-in, in the office's data folder."""
MOST_LETTERS = 70
"""Of one SMS with letters beyond Latin (3GPP TS 23.038 section 6.2.3: 140 bytes of UCS-2)."""


class FileSms:
    """Appends every text to a file that only its owner reads, a JSON object a line: number, text. For trials on one machine: the
    file has numbers and codes in clear."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE

    def send(self, number: str, text: str) -> None:
        """Write it down whole or not at all. Raises TosqauylError where the file cannot be written or others may read it."""
        line = json.dumps({"number": number, "text": text}, ensure_ascii=False) + "\n"
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            descriptor = os.open(self.path, flags, 0o600)
            try:
                if os.fstat(descriptor).st_mode & 0o077:
                    raise TosqauylError("others may read the texts that were sent", str(self.path), "chmod 600")
                os.write(descriptor, line.encode())
            finally:
                os.close(descriptor)
        except OSError as error:
            raise TosqauylError(f"a text cannot be sent: {error.strerror}", str(self.path)) from None


def code_text(language: str, code: str) -> str:
    """What is sent with a code. language: kk, ru or en."""
    return titles(shipped("appeals.toml")["sms"], "appeals.toml: sms")[language].format(code=code)
