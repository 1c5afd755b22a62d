"""Builds the wheel; the modules on the path of every call are compiled with mypyc where that is possible (decision 0013).

Without a C compiler or Python's headers, or with TOSQAUYL_PURE=1, the same sources run as plain Python: everything
works, at about half the calls per second. `tosqauyl --version` tells which of the two is installed.
"""

import os

from setuptools import Extension, setup

ON_THE_CALL_PATH = (
    "gate/answer gate/datagrams gate/server gate/session gate/signalling gate/trunks gate/waiting journal/append journal/tokens "
    "numbers/plan screen/decision screen/engine screen/enrich screen/failure screen/snapshot screen/trunk sip/address sip/answer "
    "sip/headers sip/message sip/names sip/table sip/text sip/uri sip/via state/indicators state/ranges state/subscribers"
).split()


def compiled() -> list[Extension]:
    """The extension modules, each optional: one that cannot be built is left out with a warning."""
    if os.environ.get("TOSQAUYL_PURE"):
        return []
    try:
        from mypyc.build import mypycify
    except ImportError:
        return []
    modules = mypycify([f"src/tosqauyl/{name}.py" for name in ON_THE_CALL_PATH], opt_level="3", debug_level="0")
    for module in modules:
        module.optional = True
    return modules


setup(ext_modules=compiled())
