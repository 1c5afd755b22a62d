"""What the gate tells of itself: /v1/status as it stands, and what metrics and health are made from."""

import os
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from tosqauyl import __version__
from tosqauyl.gate.server import Gate

Section = Callable[[], dict[str, Any]]


class Report:
    """Reads a gate's counters when somebody asks; keeps nothing itself.

    Parts of the gate that can be missing add a section each: `report.add("feeds", feeds.state)`. A section may have a member
    'troubles': slugs of what somebody should mend now.
    """

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self._sections: dict[str, Section] = {}
        self._began = time.monotonic()

    def add(self, name: str, section: Section) -> None:
        """Have a section in the report under its own name."""
        self._sections[name] = section

    def status(self) -> dict[str, Any]:
        """Everything, JSON-able: status, troubles, counters, decisions by verdict and reason, rules, journal, the sections."""
        session = self.gate.session
        sections = self.sections()
        troubles = self._troubles(sections)
        decided, would = self.decisions()
        return {
            "status": "degraded" if troubles else "ok",
            "troubles": troubles,
            "counters": dict(session.counters),
            "decided": _by_label(decided),
            "would": _by_label(would),
            "rules": self.rules(),
            "journal": self.journal(),
            "latency_us": {str(1 << slot): count for slot, count in enumerate(session.latency) if count},
            "transactions": len(session.transactions),
            "waiting": len(session.waiting),
            "questions": len(session.questions),
            "policy": session.engine.known.policy.hash,
            "snapshot": session.engine.known.hash,
            "version": __version__,
            "uptime_seconds": round(time.monotonic() - self._began, 1),
            "pid": os.getpid(),
            **sections,
        }

    def sections(self) -> dict[str, dict[str, Any]]:
        """What the parts that were added say."""
        return {name: section() for name, section in self._sections.items()}

    def section(self, name: str) -> dict[str, Any]:
        """What one part says; empty where the gate does not have it."""
        part = self._sections.get(name)
        return part() if part else {}

    def is_degraded(self) -> bool:
        """Whether something is wrong that somebody should mend."""
        return bool(self._troubles(self.sections()))

    def is_ready(self) -> bool:
        """Whether calls are taken."""
        return self.gate.is_serving

    def decisions(self) -> tuple[dict[tuple[str, str], int], dict[tuple[str, str], int]]:
        """How many calls got each verdict and reason; and would have got another one if monitored rules were enforced."""
        decided: dict[tuple[str, str], int] = {}
        would: dict[tuple[str, str], int] = {}
        session = self.gate.session
        for (verdict, reason, other, why), count in session.tally.outcomes(session.decided).items():
            decided[verdict, reason] = decided.get((verdict, reason), 0) + count
            if other != verdict:
                would[other, why] = would.get((other, why), 0) + count
        return decided, would

    def rules(self) -> dict[str, dict[str, int]]:
        """Hits of every rule, how often it decided, and how often it would have been harsher, or have stopped a call."""
        return {rule: counts._asdict() for rule, counts in self.gate.session.rule_counts().items()}

    def trunks(self) -> dict[tuple[str, str, str], int]:
        """Calls by trunk, its carrier and verdict, since the start. Every configured trunk is there, with a pass and a stop."""
        session = self.gate.session
        carriers = {entry.trunk.id: entry.trunk.carrier for entry in session.trunks.entries}
        found = {(trunk, carrier, verdict): 0 for trunk, carrier in carriers.items() for verdict in ("pass", "stop")}
        for (trunk, verdict), count in session.tally.trunks(session.by_trunk).items():
            found[trunk, carriers.get(trunk, ""), verdict] = count
        return found

    def journal(self) -> dict[str, Any]:
        """Rows, losses, failures, free bytes."""
        journal = self.gate.journal
        return {**asdict(journal.counters), "failed_syncs": journal.failed_syncs, "free_bytes": journal.free_bytes()}

    def _troubles(self, sections: dict[str, dict[str, Any]]) -> list[str]:
        journal = self.gate.journal
        failing = journal.counters.failed_writes or journal.failed_syncs or self.gate.journal_down
        found = ["journal-failed"] if failing else []
        for section in sections.values():
            found += section.get("troubles", ())
        return found


def _by_label(counts: dict[tuple[str, str], int]) -> dict[str, int]:
    return {f"{verdict}:{reason}": count for (verdict, reason), count in counts.items()}


def reload_section(state: Callable[[], dict[str, Any]]) -> Section:
    """The section of snapshots. state: gate/reload's."""

    def section() -> dict[str, Any]:
        found = state()
        return {**found, "troubles": ["snapshot-refused"] if found.get("last_error") else []}

    return section
