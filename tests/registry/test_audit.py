"""The audit chain notices what was changed, removed, moved or cut off; on both databases."""

from collections.abc import Callable

import pytest
from sqlalchemy import delete, text, update
from sqlalchemy.orm import Session

from tosqauyl.registry.actor import Actor
from tosqauyl.registry.audit import Verified, verify
from tosqauyl.registry.store import Registry
from tosqauyl.registry.tables import AuditEntry


def written(registry: Registry, who: Actor, count: int = 5) -> None:
    for number in range(count):
        with registry.work(who) as work:
            work.note("tried", "thing", number, "Қазақша, русский")


def checked(registry: Registry, change: Callable[[Session], object] | None = None) -> Verified:
    with registry._sessions() as db:
        if change:
            change(db)
            db.commit()
        return verify(db)


def test_an_untouched_trail_is_whole_and_names_its_head(registry: Registry, analyst: Actor) -> None:
    written(registry, analyst)
    found = checked(registry)
    assert (found.entries, found.broken) == (5, ())
    assert len(found.head) == 64


@pytest.mark.parametrize("column", ["actor", "verb", "what", "which", "purpose", "detail", "organisation"])
def test_a_changed_entry_is_noticed(registry: Registry, analyst: Actor, column: str) -> None:
    written(registry, analyst)
    found = checked(
        registry, lambda db: db.execute(update(AuditEntry).where(AuditEntry.seq == 3).values({column: "z"}))
    )
    assert found.broken[0][0] == 3


def test_a_removed_entry_is_noticed(registry: Registry, analyst: Actor) -> None:
    written(registry, analyst)
    found = checked(registry, lambda db: db.execute(delete(AuditEntry).where(AuditEntry.seq == 3)))
    assert found.broken[0] == (4, "entries 3 to 3 are missing")


def test_an_entry_removed_at_the_end_is_noticed(registry: Registry, analyst: Actor) -> None:
    written(registry, analyst)
    found = checked(registry, lambda db: db.execute(delete(AuditEntry).where(AuditEntry.seq == 5)))
    assert "missing at the end" in found.broken[0][1]


def test_entries_that_changed_places_are_noticed(registry: Registry, analyst: Actor) -> None:
    written(registry, analyst)

    def swap(db: Session) -> None:
        for before, after in ((2, 99), (3, 2), (99, 3)):
            db.execute(text(f"UPDATE audit_entry SET seq = {after} WHERE seq = {before}"))

    assert {seq for seq, _ in checked(registry, swap).broken} >= {2, 3}


def test_a_transaction_that_fails_leaves_no_entry(registry: Registry, analyst: Actor) -> None:
    with pytest.raises(ZeroDivisionError), registry.work(analyst) as work:
        work.note("tried", "thing", 1)
        raise ZeroDivisionError
    assert checked(registry).entries == 0


def test_a_read_of_personal_data_is_written_down(registry: Registry, analyst: Actor) -> None:
    with registry.read(analyst) as work:
        work.note("read-personal", "observable", 7, purpose="case 1")
    with registry._sessions() as db:
        entry = db.get(AuditEntry, 1)
    assert entry is not None
    assert (entry.actor, entry.verb, entry.purpose) == ("user:aida", "read-personal", "case 1")
