"""Files that outlive a power cut, and that are there whole or not at all."""

import os
from pathlib import Path


def write_whole(path: Path, text: str) -> None:
    """Put a file (0600) in place, durable and in one step; an older one is replaced. Raises OSError."""
    draft = path.with_name(path.name + ".draft")
    with open(draft, "w", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600)) as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    draft.rename(path)
    sync(path.parent)


def sync(path: Path) -> None:
    """Make a file, or what was renamed in a folder, durable. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
