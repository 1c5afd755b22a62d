"""Units of work: whole or not at all, and who comes second sees it."""

import threading

import pytest
from fixtures_of import conftest_of
from sqlalchemy import text
from sqlalchemy.exc import OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from tosqauyl.errors import TosqauylError
from tosqauyl.registry.actor import Actor
from tosqauyl.registry.errors import Conflict, Unavailable
from tosqauyl.registry.store import Registry, open_engine, told
from tosqauyl.registry.tables import Incident, Organisation
from tosqauyl.registry.vault import Vault

VAULT = conftest_of("registry").VAULT


def incident(registry: Registry, who: Actor) -> Incident:
    with registry.work(who) as work:
        made = Incident(id=work.new_id(), organisation="centre", created=work.now, due=work.now)
        work.db.add(made)
    return made


def test_what_raises_leaves_nothing(registry: Registry, analyst: Actor) -> None:
    with pytest.raises(RuntimeError), registry.work(analyst) as work:
        work.db.add(Organisation(id="new", kind="bank", name="New", created=0))
        work.db.flush()
        raise RuntimeError
    with registry.read(analyst) as work:
        assert work.db.get(Organisation, "new") is None


def test_the_same_row_twice_is_a_conflict(registry: Registry, analyst: Actor) -> None:
    with pytest.raises(Conflict), registry.work(analyst) as work:
        work.db.add(Organisation(id="centre", kind="centre", name="Again", created=0))


def test_of_two_who_decide_at_once_the_second_sees_it(registry: Registry, analyst: Actor) -> None:
    made = incident(registry, analyst)
    with registry.read(analyst) as one:
        stale = one.db.get(Incident, made.id)
        assert stale is not None
    with registry.work(analyst) as two:
        fresh = two.db.get(Incident, made.id)
        assert fresh is not None
        fresh.title = "first"
    with pytest.raises(Conflict, match="somebody else"), registry.work(analyst) as three:
        stale.title = "second"
        three.db.add(stale)


def test_many_writers_lose_no_entry_of_the_trail(registry: Registry, analyst: Actor) -> None:
    def write() -> None:
        for number in range(10):
            with registry.work(analyst) as work:
                work.note("tried", "thing", number)

    threads = [threading.Thread(target=write) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    from tosqauyl.registry.audit import verify

    with registry._sessions() as db:
        found = verify(db)
    assert (found.entries, found.broken) == (50, ())


def test_what_is_done_after_a_commit_is_not_done_without_one(registry: Registry, analyst: Actor) -> None:
    done: list[int] = []
    with pytest.raises(RuntimeError), registry.work(analyst) as work:
        work.after.append(lambda: done.append(1))
        raise RuntimeError
    with registry.work(analyst) as work:
        work.after.append(lambda: done.append(2))
    assert done == [2]


def test_a_database_that_is_away_is_said_to_be_away() -> None:
    away = Registry("postgresql+pg8000://nobody@127.0.0.1:1/nothing", Vault({"00000001": b"k" * 32}), lambda: 0)
    with pytest.raises(Unavailable, match="nothing was accepted"), away.work(Actor("x", "centre")) as work:
        work.db.get(Organisation, "centre")


@pytest.mark.parametrize(
    ("code", "kind"),
    [("57P01", Unavailable), ("57P03", Unavailable), ("53300", Unavailable), ("08006", Unavailable), ("40P01", Conflict), ("23503", Conflict),
     ("22021", ProgrammingError)],
)  # fmt: skip
def test_what_the_server_says_in_codes_is_told_as_what_it_is(code: str, kind: type[Exception]) -> None:
    with pytest.raises(kind), told():
        raise ProgrammingError("SELECT 1", {}, Exception({"C": code, "M": "the server says so"}))


@pytest.mark.parametrize("error", [ConnectionResetError(), PoolTimeout()])
def test_what_no_driver_tells_of_a_database_that_is_away_is_told(error: Exception) -> None:
    with pytest.raises(Unavailable, match="nothing was accepted"), told():
        raise error


def test_a_database_that_goes_away_during_the_commit_may_have_accepted_it(
    registry: Registry, analyst: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(_session: Session) -> None:
        raise OperationalError("COMMIT", {}, ConnectionResetError())

    monkeypatch.setattr(Session, "commit", lost)
    with pytest.raises(Unavailable, match="whole, or not at all") as found, registry.work(analyst) as work:
        work.db.get(Organisation, "centre")
    assert "Idempotency-Key" in found.value.hint


def test_a_commit_waits_for_the_disk_unless_a_power_cut_may_undo_it(
    database: str, registry: Registry, analyst: Actor
) -> None:
    asked = "SHOW synchronous_commit" if database.startswith("postgresql") else "PRAGMA synchronous"
    fresh = Registry(database, VAULT, registry.clock)
    seen = {}
    for lasting in (False, True, False, True):
        with fresh.work(analyst, lasting) as work:
            seen[lasting] = work.db.scalar(text(asked))
    fresh.close()
    assert seen in ({False: "off", True: "on"}, {False: 1, True: 2})  # NORMAL, FULL


def test_another_kind_of_database_is_refused() -> None:
    with pytest.raises(TosqauylError, match="no database the office knows"):
        open_engine("mysql://x")
