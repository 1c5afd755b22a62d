"""No file leads outside the repository: no paths of somebody's machine, no package index, no neighbour folder."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OUTSIDE = {".git", ".venv", "var", "build", "dist", "site", "__pycache__", "node_modules"}
BINARY = {".mo", ".dat", ".png", ".gz", ".pyc"}

# Put together here so that this file does not contain what it looks for.
FORBIDDEN = [
    "/" + "work" + "/",
    ".." + "/shared",
    "/" + "root" + "/",
    "--" + "index-url",
    "--" + "extra-index",
    "--" + "find-links",
    "pypi" + ".org",
    "python" + "hosted",
]
PATTERN = re.compile("|".join(re.escape(word) for word in FORBIDDEN) + r"|https?://\S+/simple\b")


def files() -> Iterator[Path]:
    for path in sorted(ROOT.rglob("*")):
        parts = set(path.relative_to(ROOT).parts)
        hidden = any(part.startswith(".") and part not in (".ci", ".gitignore") for part in parts)
        if path.is_file() and not hidden and not parts & OUTSIDE and path.suffix not in BINARY:
            yield path


def test_no_file_names_a_place_outside_the_repository() -> None:
    found = []
    for path in files():
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            if PATTERN.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}")
    assert found == []
