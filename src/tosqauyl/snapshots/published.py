"""The list of the office as a file that a gate maps: the container of snapshots (format.py), with a list in it and nothing else."""

import sys
from pathlib import Path
from typing import NamedTuple

from tosqauyl import __version__
from tosqauyl.errors import TosqauylError
from tosqauyl.snapshots.format import INDICATORS, write_snapshot
from tosqauyl.snapshots.load import SnapshotFile, open_snapshot
from tosqauyl.state.indicators import Indicators, Packed

KIND = "published"
"""What the manifest says of such a file, so that it is never taken for a snapshot."""


class PublishedFile(NamedTuple):
    """A list that was mapped. seq: of the last change in it; built: when the file was written, seconds since 1970."""

    indicators: Indicators
    list_id: str
    seq: int
    built: float
    path: Path


def write_published(folder: Path, list_id: str, seq: int, packed: Packed) -> Path:
    """Write a packed list into a folder; its path. It appears whole or not at all. Raises OSError."""
    content = {
        "kind": KIND, "made_by": __version__, "byteorder": sys.byteorder, "list": list_id, "seq": seq,
        "indicators": {"hash": packed.digest, "entries": packed.size},
    }  # fmt: skip
    parts = (packed.table, packed.records, packed.ids, packed.others, packed.about)
    return write_snapshot(folder, content, {name: [part] for name, part in zip(INDICATORS, parts, strict=True)})


def map_published(path: Path) -> PublishedFile:
    """A list from its file, everything checked. Raises TosqauylError that names the file and what is wrong."""
    file = open_snapshot(path)
    try:
        file.verify()
        return _mapped(file)
    except TosqauylError as error:
        raise TosqauylError(error.what, error.where or str(path), error.hint) from None
    except OSError as error:
        raise TosqauylError(f"cannot be mapped: {error.strerror}", str(path)) from None
    finally:
        file.close()


def _mapped(file: SnapshotFile) -> PublishedFile:
    match file.head.content:
        case {
            "kind": "published", "byteorder": str(order), "list": str(list_id), "seq": int(seq),
            "indicators": {"hash": str(digest), "entries": int(entries)},
        } if type(seq) is type(entries) is int and min(seq, entries) >= 0:  # fmt: skip
            if order != sys.byteorder:
                raise TosqauylError("the list was packed on a machine of another byte order")
            table, records, ids, others, about = map(file.mapped, INDICATORS)
            indicators = Indicators.over(Packed(table, records, ids, others, about, digest[:16], entries))
            return PublishedFile(indicators, list_id, seq, file.built, file.path)
        case _:
            raise TosqauylError("the file holds no published list")
