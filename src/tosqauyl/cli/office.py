"""What the commands of the office side share: their libraries are installed only where they are wanted, and imported late."""

from importlib.util import find_spec
from pathlib import Path

from tosqauyl.errors import TosqauylError

LEDGER = Path("var/ledger")
"""Where the ledger lies if nobody says otherwise."""


def need_ledger() -> None:
    """Raise TosqauylError where the ledger's libraries are not installed: a gate does without them."""
    missing = [name for name in ("duckdb", "pyarrow") if find_spec(name) is None]
    if missing:
        what = f"the ledger needs {' and '.join(missing)}, which is not installed"
        raise TosqauylError(what, hint='python -m pip install "tosqauyl[ledger]"')
