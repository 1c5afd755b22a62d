"""Observables in the database."""

import socket
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import select, text

from tosqauyl.registry.actor import SYSTEM
from tosqauyl.registry.errors import Absent, Invalid
from tosqauyl.registry.observables import find, masked, observe, observe_all, opened, read, seen
from tosqauyl.registry.store import Registry
from tosqauyl.registry.tables import AuditEntry, Observable


def test_two_spellings_are_one_row(registry: Registry) -> None:
    with registry.work(SYSTEM) as work:
        one = observe(work, "phone", "8 701 123 45 67")
        assert observe(work, "phone", "+77011234567").id == one.id
        assert (one.operator, one.value, one.reports) == ("kcell", "", 0)
    with registry.read(SYSTEM) as work:
        assert find(work, "phone", "87011234567").id == one.id
        assert read(work, one.id).token == one.token
        assert find(work, "phone", "+77011234568") is None
        assert find(work, "phone", "nonsense") is None


def test_the_same_value_of_two_kinds_is_two_rows(registry: Registry) -> None:
    with registry.work(SYSTEM) as work:
        assert observe(work, "domain", "kaspi.kz").id != observe(work, "trunk", "kaspi.kz").id


def test_what_cannot_be_makes_no_row(registry: Registry) -> None:
    with registry.work(SYSTEM) as work, pytest.raises(Invalid):
        observe(work, "phone", "anonymous")
    with registry.read(SYSTEM) as work:
        assert work.db.scalars(select(Observable)).all() == []


def test_an_id_that_nothing_has_is_absent(registry: Registry) -> None:
    with registry.read(SYSTEM) as work, pytest.raises(Absent):
        read(work, work.new_id())


@pytest.mark.parametrize(
    ("kind", "text", "shown", "clear"),
    [
        ("phone", "+77011234567", "+7701***4567", "+77011234567"),
        ("iban", "KZ86125KZT5004100100", "KZ86***0100", "KZ86125KZT5004100100"),
        ("telegram", "@kaspi_help", "ka***lp", "kaspi_help"),
        ("domain", "Kaspi-Bonus.kz", "kaspi-bonus.kz", "kaspi-bonus.kz"),
        ("imei", "490154203237518", "4901***7518", "490154203237518"),
    ],
)
def test_personal_values_are_masked_and_opened_only_on_the_record(
    registry: Registry, kind: str, text: str, shown: str, clear: str
) -> None:
    with registry.work(SYSTEM) as work:
        one = observe(work, kind, text)
        assert masked(work, one) == shown
        assert opened(work, one, "a case") == clear
    with registry.read(SYSTEM) as work:
        notes = work.db.scalars(select(AuditEntry).where(AuditEntry.verb == "read-personal")).all()
        assert [note.purpose for note in notes] == ([] if kind == "domain" else ["a case"])


@pytest.mark.parametrize(("kind", "text"), [("iin_token", "880101300010"), ("card_token", "4111111111111111")])
def test_an_iin_and_a_card_number_are_recognised_and_never_read_again(registry: Registry, kind: str, text: str) -> None:
    with registry.work(SYSTEM) as work:
        one = observe(work, kind, text)
        assert (one.sealed, one.value) == (b"", "")
        assert masked(work, one) == f"t:{one.token[:8]}"
        assert opened(work, one, "a case") == ""
        assert find(work, kind, text).id == one.id


def test_nothing_personal_is_in_the_database_in_clear(registry: Registry) -> None:
    with registry.work(SYSTEM) as work:
        for kind, value in (("phone", "+77011234567"), ("iin_token", "880101300010"), ("iban", "KZ86125KZT5004100100")):
            observe(work, kind, value)
    with registry.engine.connect() as connection:
        rows = str(
            [
                tuple(row)
                for table in ("observable", "audit_entry")
                for row in connection.execute(text(f"SELECT * FROM {table}"))
            ]
        )
    assert not any(value in rows for value in ("7011234567", "880101300010", "KZ86125"))


def test_many_are_made_and_found_at_once(registry: Registry) -> None:
    with registry.work(SYSTEM) as work:
        values = [seen(work.vault, "phone", f"+7701{number:07}") for number in range(1_200)]
        assert len(observe_all(work, values + values)) == 1_200
    with registry.work(SYSTEM) as work:
        again = observe_all(work, [*values, seen(work.vault, "domain", "a.kz")])
        assert len(again) == 1_201
        assert work.db.scalars(select(Observable.id)).all().__len__() == 1_201


def test_two_who_name_the_same_at_once_get_the_same_row(registry: Registry) -> None:
    barrier = Barrier(2)

    def name(order: int) -> list[object]:
        barrier.wait(10)
        found = []
        for number in range(20):
            pair = [f"+77011{number:02}{other}000" for other in (0, 1)]
            with registry.work(SYSTEM) as work:
                values = [seen(work.vault, "phone", one) for one in (pair if order else reversed(pair))]
                rows = observe_all(work, values)
                found.append(sorted(row.id for row in rows.values()))
        return found

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(name, range(2))
    assert first == second


def test_a_long_statement_to_postgresql_waits_for_no_acknowledgement(registry: Registry) -> None:
    with registry.engine.connect() as connection:
        found = getattr(connection.connection.dbapi_connection, "_usock", None)
        if found is None:
            pytest.skip("SQLite has no connection over a network")
        assert found.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
