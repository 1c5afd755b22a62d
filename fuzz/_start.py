"""How a target is run: `python fuzz/fuzz_x.py` with seeds of its own, or with the folders that are named."""

import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import atheris


def start(one: Callable[[bytes], None], seeds: Callable[[Path], None] | None = None, *flags: str) -> None:
    """Fuzz for ever, or as long as the arguments say. seeds: writes them into a folder; flags: for libFuzzer, where no folder is
    named."""
    arguments = sys.argv
    if seeds is not None and all(argument.startswith("-") for argument in sys.argv[1:]):
        # libFuzzer writes what it finds into the first folder
        found, corpus = tempfile.mkdtemp(prefix="fuzz-found-"), tempfile.mkdtemp(prefix="fuzz-seeds-")
        seeds(Path(corpus))
        arguments = [*sys.argv, found, corpus, *flags]
    atheris.Setup(arguments, one)
    atheris.Fuzz()


def write_all(folder: Path, texts: Iterable[bytes]) -> None:
    """Seeds, a file each."""
    for place, text in enumerate(texts):
        (folder / str(place)).write_bytes(text)
