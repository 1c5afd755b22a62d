"""A new vault key: everything opens as before, is under the new key, and may be stopped at any moment."""

import pytest
from sqlalchemy import select

from tosqauyl.errors import TosqauylError
from tosqauyl.registry import observables
from tosqauyl.registry.actor import SYSTEM
from tosqauyl.registry.rotation import FileVault, rotate, sealed_tables, waiting
from tosqauyl.registry.tables import Account, Listing, Observable, Publication, Report
from tosqauyl.registry.vault import Vault, add_key

OLD, NEW = "00000001", "00000002"
BOTH = {OLD: b"k" * 32, NEW: b"n" * 32}


@pytest.fixture
def filled(registry):
    with registry.work(SYSTEM) as work:
        for count in range(7):
            phone = observables.observe(work, "phone", f"+7701{count:07}")
            work.db.flush()
            number = work.vault.seal(f"+7701{count:07}", "publication.number")
            work.db.add(Publication(seq=count + 1, observable=phone.id, listing="block", number=number, at=1))
            work.db.add(Listing(observable=phone.id, listing="block", number=number, seq=count + 1))
        work.db.add(Report(
            id=work.new_id(), organisation="centre", reporter="citizen", channel="call", received=1, digest="d" * 64, ticket="t" * 64,
            text=work.vault.seal("his story", "report.text"), contact=b"",
        ))  # fmt: skip
        work.db.add(Account(
            id=work.new_id(), organisation="centre", login="aida", role="analyst", created=1, totp=work.vault.seal("S", "account.totp"),
        ))  # fmt: skip
    registry.vault = Vault(BOTH)
    return registry


def opened(registry):
    with registry.read(SYSTEM) as work:
        db, vault = work.db, work.vault
        values = [
            vault.open(one.sealed, "observable.phone") for one in db.scalars(select(Observable).order_by(Observable.id))
        ]
        values += [
            vault.open(one.number, "publication.number")
            for one in db.scalars(select(Publication).order_by(Publication.seq))
        ]
        values += [
            vault.open(one.number, "publication.number") for one in db.scalars(select(Listing).order_by(Listing.seq))
        ]
        report, account = db.scalars(select(Report)).one(), db.scalars(select(Account)).one()
        return [
            *values,
            vault.open(report.text, "report.text"),
            vault.open(account.totp, "account.totp"),
            report.version,
        ]


def test_everything_opens_as_before_and_needs_the_new_key_only(filled):
    before = opened(filled)
    assert waiting(filled) == {"observable": 7, "publication": 7, "listing": 7, "report": 1, "account": 1}
    assert rotate(filled) == 23
    assert waiting(filled) == {}
    assert opened(filled) == before
    filled.vault = Vault({NEW: BOTH[NEW]})
    assert opened(filled) == before


def test_it_goes_on_where_it_was_stopped(filled):
    class Stopped(Exception):
        pass

    def stop(table, done, count):
        raise Stopped

    before = opened(filled)
    with pytest.raises(Stopped):
        rotate(filled, stop, batch=3)
    assert 0 < sum(waiting(filled).values()) < 23
    told = []
    rotate(filled, lambda *one: told.append(one), batch=3)
    assert waiting(filled) == {}
    assert opened(filled) == before
    assert ("publication", 3, 7) in told
    assert rotate(filled) == 0


def test_every_sealed_column_has_a_purpose_and_a_key_of_one_column():
    found = list(sealed_tables())
    assert {one.table.name for one in found} >= {
        "observable",
        "report",
        "account",
        "publication",
        "listing",
        "webhook",
        "appeal",
    }
    assert all(len(one.table.primary_key.columns) == 1 for one in found)


def test_a_vault_of_a_file_reads_keys_that_came_later(tmp_path):
    file = tmp_path / "vault.keys"
    add_key(file)
    early, late = FileVault(file), None
    sealed = early.seal("a", "p")
    assert not early.refresh()
    add_key(file)
    late = FileVault(file)
    assert late.open(sealed, "p") == "a"
    assert late.token("x", "p") == early.token("x", "p")
    assert early.open(late.seal("b", "p"), "p") == "b"
    assert early.key_id == late.key_id


def test_a_file_that_cannot_be_read_leaves_the_keys_as_they_were(tmp_path):
    file = tmp_path / "vault.keys"
    add_key(file)
    vault = FileVault(file)
    sealed = vault.seal("a", "p")
    file.write_text("rubbish")
    with pytest.raises(TosqauylError):
        vault.refresh()
    assert vault.open(sealed, "p") == "a"
    file.unlink()
    with pytest.raises(TosqauylError):
        vault.refresh()
