"""Builds the wheel; the modules on the path of every call are compiled with mypyc where that is possible (decision 0013).

Without a C compiler or Python's headers, or with TOSQAUYL_PURE=1, the same sources run as plain Python: everything
works, at about half the calls per second. `tosqauyl --version` tells which of the two is installed.
"""

import os
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

ON_THE_CALL_PATH = [
    "gate/answer",
    "gate/connection",
    "gate/datagrams",
    "gate/overload",
    "gate/questions",
    "gate/server",
    "gate/session",
    "gate/trunks",
    "gate/waiting",
    "journal/append",
    "journal/columns",
    "tokens",
    "numbers/number_table",
    "numbers/plan",
    "screen/decision",
    "screen/engine",
    "screen/enrich",
    "screen/failure",
    "screen/signalling",
    "screen/snapshot",
    "screen/trunk",
    "sip/address",
    "sip/answer",
    "sip/fields",
    "sip/framing",
    "sip/headers",
    "sip/message",
    "sip/names",
    "sip/request",
    "sip/scan",
    "sip/table",
    "sip/text",
    "sip/uri",
    "sip/via",
    "state/freshness",
    "state/indicators",
    "state/published",
    "state/ranges",
    "state/rates",
    "state/rates_table",
    "state/rates_trunk",
    "state/rates_window",
    "state/subscribers",
]


class BuildIfPossible(build_ext):
    """Builds all modules or none: one of them missing would leave the others without what they share."""

    def run(self) -> None:
        """Build; on failure say why and go on without."""
        try:
            super().run()
        except Exception as error:
            print(f"tosqauyl: not compiled, running as plain Python: {error}", file=sys.stderr)
            for extension in self.extensions:
                Path(self.get_ext_fullpath(extension.name)).unlink(missing_ok=True)
            self.extensions = []


def compiled() -> list[Extension]:
    """The extension modules; none where mypyc is missing or TOSQAUYL_PURE is set."""
    if os.environ.get("TOSQAUYL_PURE"):
        return []
    try:
        from mypyc.build import mypycify
    except ImportError:
        return []
    return mypycify([f"src/tosqauyl/{name}.py" for name in ON_THE_CALL_PATH], opt_level="3", debug_level="0")


setup(ext_modules=compiled(), cmdclass={"build_ext": BuildIfPossible})
