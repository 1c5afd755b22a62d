"""Protected identities: what is shipped, what a supervisor adds and ends."""

import pytest

from tosqauyl.registry import protected
from tosqauyl.registry.actor import SYSTEM
from tosqauyl.registry.errors import Absent, Conflict, Invalid
from tosqauyl.registry.ids import new_id
from tosqauyl.registry.protected import Identity


def test_what_is_shipped_is_added_once_and_stays_ended_where_somebody_ended_it(registry, supervisor) -> None:
    with registry.work(SYSTEM) as work:
        assert protected.seed(work) == 6
        assert protected.seed(work) == 0
        rows = protected.search(work, True, None, 10)
        assert {row.value for row in rows} == {"101", "102", "103", "104", "112", "1414"}
        assert all(row.source for row in rows)
    with registry.work(supervisor) as work:
        protected.end(work, rows[0].id)
        assert protected.seed(work) == 0
        assert len(protected.search(work, True, None, 10)) == 5
        assert len(protected.search(work, False, None, 10)) == 6


def test_the_bodies_that_are_shipped_have_names_in_all_languages() -> None:
    names = protected.names()
    assert names["phone", "102"]["kk"] == "Полиция"
    assert {one for texts in names.values() for one in texts} == {"kk", "ru", "en"}
    assert {(one.kind, one.value) for one in protected.shipped_identities()} == names.keys()


def test_values_are_kept_in_one_spelling_and_only_once(registry, supervisor) -> None:
    with registry.work(supervisor) as work:
        added = protected.add(work, Identity("  A   bank ", "phone", "8 (727) 259-00-00", "letter of 1 November 2026"))
        assert (added.body, added.value, added.created_by) == ("A bank", "+77272590000", "user:daniyar")
        with pytest.raises(Conflict, match="A bank"):
            protected.add(work, Identity("Another", "phone", "+77272590000", "letter"))
        protected.end(work, added.id)
        with pytest.raises(Conflict):
            protected.end(work, added.id)
        again = protected.add(work, Identity("Another", "phone", "+77272590000", "letter"))
        assert (again.id, again.body, again.ended) == (added.id, "Another", 0)
        assert protected.add(work, Identity("A bank", "domain", "Bank.KZ", "letter")).value == "bank.kz"
        assert protected.add(work, Identity("A bank", "sender", " Kaspi  Bank", "letter")).value == "Kaspi Bank"
        with pytest.raises(Absent):
            protected.end(work, new_id(work.now))


@pytest.mark.parametrize(
    "identity",
    [
        Identity("", "phone", "102", "x"), Identity("A", "phone", "102", " "), Identity("A", "phone", "12 monkeys", "x"),
        Identity("A", "domain", "no domain", "x"), Identity("A", "sender", "a very long name", "x"), Identity("A", "iban", "KZ1", "x"),
        Identity("A\0", "phone", "102", "x"), Identity("A" * 201, "phone", "102", "x"), Identity("A", "sender", "a\tb\nc", "x" * 1_001),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(registry, supervisor, identity) -> None:
    with registry.work(supervisor) as work, pytest.raises(Invalid):
        protected.add(work, identity)
