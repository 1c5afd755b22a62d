"""The migrations make exactly the tables that the models say, on both databases, and keep the trail from being changed."""

import secrets

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import delete, inspect, select, text, update
from sqlalchemy.exc import DBAPIError

from tosqauyl.errors import TosqauylError
from tosqauyl.registry import migrate
from tosqauyl.registry.actor import SYSTEM
from tosqauyl.registry.audit import GENESIS, verify
from tosqauyl.registry.store import Registry, open_engine
from tosqauyl.registry.tables import AuditEntry, AuditHead, Base, ListHead, Observable, Organisation, Publication
from tosqauyl.registry.vault import Vault

LIST = "ab" * 16


@pytest.fixture
def empty(database):
    """The URL of a database without tables."""
    if database.startswith("sqlite"):
        yield database
        return
    name, admin = f"m{secrets.token_hex(4)}", open_engine(database).execution_options(isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
        yield database.rpartition("/")[0] + f"/{name}"
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


@pytest.fixture
def engine(empty):
    made = open_engine(empty)
    yield made
    made.dispose()


@pytest.fixture
def migrated(engine, empty, clock):
    migrate.create(engine, LIST, clock[0])
    made = Registry(empty, Vault({"00000001": b"k" * 32}), lambda: clock[0])
    yield made
    made.close()


def test_migrated_tables_are_those_of_the_models(engine):
    assert not migrate.is_current(engine)
    migrate.create(engine, LIST)
    assert migrate.is_current(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "target_metadata": Base.metadata})
        assert compare_metadata(context, Base.metadata) == []


def test_there_is_one_head_of_each_kind_and_the_centre_and_a_second_time_changes_nothing(engine):
    migrate.create(engine, LIST, 7)
    migrate.create(engine, "cd" * 16, 9)
    with engine.connect() as connection:
        assert connection.execute(select(AuditHead.seq, AuditHead.hash)).all() == [(0, GENESIS)]
        assert connection.execute(select(ListHead.list, ListHead.seq)).all() == [(LIST, 0)]
        assert connection.execute(select(Organisation.id, Organisation.created)).all() == [("centre", 7)]


def test_tables_of_a_later_version_and_tables_of_nobody_are_left_alone(engine):
    migrate.create(engine, LIST)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert not migrate.is_current(engine)
    with pytest.raises(TosqauylError, match="later version"):
        migrate.create(engine, LIST)
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE alembic_version"))
    with pytest.raises(TosqauylError, match="no migration made"):
        migrate.create(engine, LIST)


def test_a_step_that_fails_leaves_no_half_made_tables(engine, monkeypatch):
    def fails(*_):
        raise RuntimeError

    monkeypatch.setattr(migrate, "_put", fails)
    with pytest.raises(RuntimeError):
        migrate.create(engine, LIST)
    assert inspect(engine).get_table_names() == []
    monkeypatch.undo()
    migrate.create(engine, LIST)
    assert migrate.is_current(engine)


def test_the_database_itself_refuses_to_change_the_trail(migrated):
    for one in ("a", "b"):
        with migrated.work(SYSTEM) as work:
            work.note("tried", "test", one)
    for change in (
        update(AuditEntry).values(actor="nobody"),
        delete(AuditEntry),
        delete(AuditEntry).where(AuditEntry.seq == 2),
    ):
        with pytest.raises(DBAPIError), migrated.engine.begin() as connection:
            connection.execute(change)
    with migrated.read(SYSTEM) as work:
        assert verify(work.db).broken == ()
        assert verify(work.db).entries == 2


def test_what_was_published_is_not_changed_but_sealed_again_and_removed_when_old(migrated):
    with migrated.work(SYSTEM) as work:
        phone = Observable(id=work.new_id(), kind="phone", token="a" * 64, created=1)
        work.db.add(phone)
        work.db.flush()
        work.db.add(Publication(seq=1, observable=phone.id, listing="block", number=b"sealed", at=1))
    with pytest.raises(DBAPIError), migrated.engine.begin() as connection:
        connection.execute(update(Publication).values(listing="allow"))
    with migrated.engine.begin() as connection:
        connection.execute(update(Publication).values(number=b"again"))
        connection.execute(delete(Publication))


def test_a_new_step_is_written_from_what_the_models_have_more(tmp_path, monkeypatch):
    (tmp_path / "versions").mkdir()
    with pytest.raises(TosqauylError, match="nothing to write"):
        migrate.write("nothing", tmp_path)
    with pytest.raises(TosqauylError, match="no name"):
        migrate.write("../x", tmp_path)
    path = migrate.write("baseline", tmp_path, baseline=True)
    written = path.read_text()
    compile(written, path.name, "exec")
    assert path.name == "v0001_baseline.py"
    assert all(f"'{table.name}'" in written for table in Base.metadata.sorted_tables)
    assert "# ###" not in written
