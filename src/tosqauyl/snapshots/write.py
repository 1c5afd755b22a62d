"""A snapshot in memory as a file: which part becomes which section, and what the manifest says of it."""

import json
import sys
from dataclasses import asdict
from pathlib import Path

from tosqauyl import __version__
from tosqauyl.numbers.plan import base
from tosqauyl.policy.stored import encode_policy
from tosqauyl.snapshots.build import Built, Sources
from tosqauyl.snapshots.format import INDICATORS, PLANES, POLICY, PORTED, Buffer, write_snapshot
from tosqauyl.state.subscribers import is_blank


def write(built: Built, sources: Sources, folder: Path) -> Path:
    """Write a snapshot into a folder; its path. The same content gives the same file. Raises OSError."""
    known = built.snapshot
    packed = known.indicators.packed
    counts = known.subscribers.count()
    codes = [code for code in known.subscribers.codes if not is_blank(known.subscribers.plane(code))]
    content = {
        "made_by": __version__,
        "byteorder": sys.byteorder,
        "tables": base().digest,
        "policy": {"name": known.policy.name, "hash": known.policy.hash, "rules": len(known.policy.rules)},
        "plan": {"version": known.plan.version, "hash": known.plan.hash},
        "ported": {
            "hash": known.plan.ported.hash, "operators": known.plan.ported.operators, "numbers": len(known.plan.ported),
        },
        "indicators": {"hash": packed.digest, "entries": packed.size},
        "subscribers": {"codes": codes, "complete": known.subscribers.complete, **counts},
        "msrn": known.msrn.texts,
        "inputs": [asdict(one) for one in built.inputs],
        "sources": sources.names(),
        "feeds": {operator: list(position) for operator, position in built.feeds.items()},
    }  # fmt: skip
    parts = (packed.table, packed.records, packed.ids, packed.others, packed.about)
    sections: dict[str, list[Buffer]] = {
        POLICY: [json.dumps(encode_policy(known.policy), separators=(",", ":")).encode()],
        PORTED: [known.plan.ported.memory],
        **{name: [part] for name, part in zip(INDICATORS, parts, strict=True)},
        PLANES: [known.subscribers.plane(code) for code in codes],
    }
    return write_snapshot(folder, content, sections)
