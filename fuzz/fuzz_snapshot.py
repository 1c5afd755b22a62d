"""Fuzz a snapshot file whose digests are right: `python fuzz/fuzz_snapshot.py -max_total_time=600`.

The input is the manifest and three sections; head and digests are made for them, so that everything behind the digests is
met. A file is refused with an error of ours, or what it gives can be asked anything without raising.
Seeds: a manifest and sections of our own builder, where no corpus directory is named.
"""

import json
import sys
import tempfile
from pathlib import Path

import atheris
from _start import start, write_all

with atheris.instrument_imports(
    include=["tosqauyl.snapshots", "tosqauyl.policy.stored", "tosqauyl.policy.stored_tree"]
):
    from tosqauyl.errors import TosqauylError
    from tosqauyl.facts import UNKNOWN_CALL
    from tosqauyl.numbers.plan import base
    from tosqauyl.policy.load import load_shipped
    from tosqauyl.policy.stored import encode_policy
    from tosqauyl.snapshots.format import INDICATORS, PLANES, POLICY, PORTED, SUFFIX, _head, digest_of_pieces
    from tosqauyl.snapshots.load import map_snapshot
    from tosqauyl.state.indicator_list import Indicator, pack
    from tosqauyl.state.ranges import parse_pattern

FOLDER = Path(tempfile.mkdtemp(prefix="fuzz-snapshot-"))
ALIGN = 1 << 16
NUMBERS = ("+77011234567", "+77172123456", "+441234567890", "1414", "", "+7701１２３４５６７")


def sealed(content: dict[str, object], parts: list[bytes]) -> Path:
    """A file of this content, all digests right."""
    rows, offset, rest = [], 0, b""
    for name, part in zip((POLICY, PORTED, *INDICATORS, PLANES), parts, strict=True):
        padded = part + bytes(-len(part) % ALIGN)
        rows.append([name, offset, len(part), digest_of_pieces([padded])])
        offset, rest = offset + len(padded), rest + padded
    head = _head(json.dumps({**content, "sections": rows}).encode())
    path = FOLDER / f"{head[16:48].hex()[:32]}{SUFFIX}"
    path.write_bytes(head + rest)
    path.chmod(0o600)
    return path


def one(data: bytes) -> None:
    """One input: manifest, policy, and the sections of numbers, each after its length."""
    found: list[bytes] = []
    for _ in range(7):
        size = int.from_bytes(data[:3], "little")
        found.append(data[3 : 3 + size])
        data = data[3 + size :]
    manifest, *parts = found
    try:
        content = json.loads(manifest)
    except (ValueError, RecursionError):
        return
    if not isinstance(content, dict):
        return
    path = sealed({"tables": base().digest, "byteorder": sys.byteorder, **content}, [*parts, b"[]", b""])
    try:
        known = map_snapshot(path)
    except TosqauylError:
        return
    finally:
        path.unlink()
    known.policy.hits(UNKNOWN_CALL)
    for number in NUMBERS:
        known.plan.read(number)
        known.indicators.find(number, 0.0)
        known.subscribers.state(number)


def seed() -> bytes:
    """What our own builder would write."""
    packed = pack(
        (Indicator("a", "block", parse_pattern("+77172123456")), Indicator("b", "mark", parse_pattern("+4412*")))
    )
    content = {
        "policy": {"hash": ""}, "ported": {"hash": "", "operators": []}, "msrn": [],
        "indicators": {"hash": packed.digest, "entries": 2}, "subscribers": {"codes": [], "complete": False},
    }  # fmt: skip
    policy = json.dumps(encode_policy(load_shipped())).encode()
    empty = bytes(pack(()).table)
    parts = [json.dumps(content).encode(), policy, empty, *map(bytes, packed[:4])]
    return b"".join(len(part).to_bytes(3, "little") + part for part in parts)


if __name__ == "__main__":
    start(one, lambda folder: write_all(folder, [seed()]), "-max_len=200000")
