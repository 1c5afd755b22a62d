"""A million honest calls, and not one stopped.

usage: honest.py [--calls 1000000] [--window 128]

Roamers, foreigners, domestic trunks, trunks of unknown direction, calls forwarded late, calls to visitors, withheld
callers (bench/mixes.py), against the full shipped policy, enforced, with every other Kazakh mobile known to be at home.
Every answer is checked. Ends with exit code 1 if one call was stopped, lost, answered twice or is not in the journal.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from mixes import write_corpora
from server import Gate, build_loader, journal_rows, load, write_settings


def run(folder: Path, calls: int, window: int = 128) -> dict[str, float]:
    """Send `calls` honest calls; figures of the load plus `stopped` and `rows` from the journal."""
    corpora = write_corpora(folder / "corpora")
    settings = write_settings(folder / "gate", corpora["roaming"])
    with Gate(["--config", str(settings)], folder / "gate" / "data") as gate:
        wrong = folder / "wrong.txt"
        figures = load(build_loader(folder), corpora["honest"], gate, calls=calls, window=window, wrong=wrong)
        figures["resident_mb"] = gate.resident_kb() / 1024
    rows = stopped = 0
    for row in journal_rows(folder / "gate" / "data"):
        rows += 1
        stopped += row["verdict"] != "pass"
    return figures | {"rows": rows, "stopped": stopped}


def main() -> int:
    """Command line."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--calls", type=int, default=1_000_000)
    arguments.add_argument("--window", type=int, default=128)
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="tosqauyl-honest-") as folder:
        figures = run(Path(folder), options.calls, options.window)
        print(json.dumps(figures))
        wrong = Path(folder) / "wrong.txt"
        if figures["wrong"] and wrong.exists():
            print(wrong.read_text(errors="replace")[:4000], file=sys.stderr)
    clean = figures["answered"] == figures["rows"] == options.calls and not figures["wrong"] and not figures["stopped"]
    print("not one honest call was stopped" if clean else "NOT CLEAN: see the figures")
    return 0 if clean else 1


if __name__ == "__main__":
    sys.exit(main())
