"""CSV files of reports: previewed, taken, cut off, sent again."""

import io
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from sqlalchemy import func, select

from tosqauyl.registry import uploads
from tosqauyl.registry.actor import Actor
from tosqauyl.registry.errors import Invalid, Unavailable
from tosqauyl.registry.store import Registry
from tosqauyl.registry.tables import AuditEntry, Observable, Report, Upload
from tosqauyl.registry.uploads import CHUNK, commit, preview

HEAD = "channel;phone;iban;happened;loss_tenge;consent;text\n"


@pytest.fixture
def bank(someone: Callable[..., Actor]) -> Actor:
    return someone("bank", "halyk")


def file_of(*lines: str, head: str = HEAD) -> io.BytesIO:
    return io.BytesIO((head + "".join(line + "\n" for line in lines)).encode())


def count(registry: Registry, entity: type, actor: Actor) -> int:
    with registry.read(actor) as work:
        return work.db.scalar(select(func.count()).select_from(entity))


def reports(registry: Registry, actor: Actor) -> list[Report]:
    with registry.read(actor) as work:
        found = list(work.db.scalars(select(Report).order_by(Report.loss)))
        work.db.expunge_all()
        return found


def test_a_file_is_taken_row_by_row(registry: Registry, bank: Actor) -> None:
    outcome = commit(registry, bank, file_of(
        'transfer;+44 20 7946 0958 | +44 20 7946 0959;KZ86 125K ZT50 0410 0100;30.11.2026 11:30;12 500,50;да;"two\nlines"',
        "call;+442079460958;;2026-11-30;;;",
    ), "march.csv")  # fmt: skip
    assert (outcome.rows, outcome.taken, outcome.known, outcome.refused, outcome.faults) == (2, 2, 0, 0, [])
    second, first = reports(registry, bank)
    assert (first.reporter, first.organisation, first.loss, first.consent) == ("bank", "halyk", 1_250_050, True)
    assert datetime.fromtimestamp(first.happened / 1000, UTC).isoformat() == "2026-11-30T06:30:00+00:00"
    assert datetime.fromtimestamp(second.happened / 1000, UTC).isoformat() == "2026-11-29T19:00:00+00:00"
    with registry.read(bank) as work:
        assert work.vault.open(first.text, "report.text") == "two\nlines"
        (upload,) = work.db.scalars(select(Upload)).all()
        assert (upload.id, upload.name, upload.rows, upload.taken) == (outcome.upload, "march.csv", 2, 2)
    assert count(registry, Observable, bank) == 3


def test_refused_rows_are_listed_with_line_column_reason_and_masked_value(registry: Registry, bank: Actor) -> None:
    lines = (
        "call;+442079460958;;;;;fine",
        "fax;+442079460958;;;;;",
        "call;8 701 123 45;;yesterday;lots;maybe;",
        "call;;;;;;",
        'call;"+44;;;;;',
        "call;+442079460959;KZ87125KZT5004100100;;;;",
    )
    outcome = preview(registry, bank, file_of(*lines))
    assert (outcome.rows, outcome.taken, outcome.refused, outcome.upload) == (6, 1, 5, None)
    assert [(one.line, one.column, one.name, one.value) for one in outcome.faults] == [
        (3, 1, "channel", "f***"), (4, 4, "happened", "y***"), (4, 5, "loss_tenge", "l***"), (4, 6, "consent", "m***"),
        (4, 2, "phone", "87*****45"), (5, 0, "observables", ""), (6, 0, "", ""), (7, 3, "iban", "K***"),
    ]  # fmt: skip
    assert all(one.what and "8 701" not in one.what for one in outcome.faults)


def test_a_preview_stores_nothing_and_says_what_the_taking_would_do(registry: Registry, bank: Actor) -> None:
    lines = (
        "call;+442079460958;;;;;a",
        "call;+442079460958;;;;;a",
        "fax;+442079460958;;;;;",
        "call;+442079460958;;;;;b",
    )
    before = preview(registry, bank, file_of(*lines))
    assert [count(registry, entity, bank) for entity in (Report, Observable, Upload, AuditEntry)] == [0, 0, 0, 0]
    taken = commit(registry, bank, file_of(*lines))
    assert (
        (before.rows, before.taken, before.known, before.refused)
        == (taken.rows, taken.taken, taken.known, taken.refused)
        == (4, 2, 1, 1)
    )
    after = preview(registry, bank, file_of(*lines))
    assert (after.taken, after.known) == (0, 3)


def test_the_same_file_again_changes_nothing_and_says_the_same(
    registry: Registry, bank: Actor, someone: Callable[..., Actor]
) -> None:
    lines = ("call;+442079460958;;;;;a", "fax;+442079460958;;;;;")
    first = commit(registry, bank, file_of(*lines))
    before = count(registry, AuditEntry, bank)
    again = commit(registry, bank, file_of(*lines))
    assert again.again
    assert (again.upload, again.rows, again.taken, again.known, again.refused, again.faults) == (
        first.upload, first.rows, first.taken, first.known, first.refused, first.faults,
    )  # fmt: skip
    assert (count(registry, Report, bank), count(registry, AuditEntry, bank)) == (1, before)
    other = commit(registry, someone("police", "police"), file_of(*lines))
    assert (other.again, other.taken) == (False, 1)


def test_a_file_that_says_more_adds_only_what_is_new(registry: Registry, bank: Actor) -> None:
    commit(registry, bank, file_of("call;+442079460958;;;;;a"))
    more = commit(registry, bank, file_of("call;+442079460958;;;;;a", "call;+442079460958;;;;;b"))
    assert (more.taken, more.known, more.again) == (1, 1, False)


def test_a_taking_that_was_cut_off_is_completed_by_sending_the_file_again(
    registry: Registry, bank: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [f"call;+4420794{number:05};;;;;" for number in range(2 * CHUNK + 10)]
    real, calls = uploads.take, []

    def failing(work, checked):
        calls.append(len(checked))
        receipts = real(work, checked)
        if len(calls) == 2:
            raise Unavailable("the database went away")
        return receipts

    monkeypatch.setattr(uploads, "take", failing)
    with pytest.raises(Unavailable):
        commit(registry, bank, file_of(*lines))
    assert (count(registry, Report, bank), count(registry, Upload, bank)) == (CHUNK, 0)
    outcome = commit(registry, bank, file_of(*lines))
    assert (outcome.rows, outcome.taken, outcome.known) == (len(lines), len(lines) - CHUNK, CHUNK)
    assert count(registry, Report, bank) == len(lines)


def test_a_formula_is_a_text(registry: Registry, bank: Actor) -> None:
    commit(registry, bank, file_of('call;+442079460958;;;;;"=HYPERLINK(""http://evil.example"")"'))
    (report,) = reports(registry, bank)
    assert registry.vault.open(report.text, "report.text") == '=HYPERLINK("http://evil.example")'


@pytest.mark.parametrize("head", ["channel;text\n", "channel;phone;колонка\n", "", "phone;phone\n"])
def test_a_file_without_known_columns_is_refused_whole(registry: Registry, bank: Actor, head: str) -> None:
    for what in (preview, commit):
        with pytest.raises(Invalid) as caught:
            what(registry, bank, file_of("call;+442079460958", head=head))
        assert caught.value.where == "file"
    assert count(registry, Upload, bank) == 0


def test_control_characters_are_refused_and_the_rest_taken(registry: Registry, bank: Actor) -> None:
    outcome = commit(registry, bank, file_of("call;+442079460958;;;;;a\0b", "call;+442079460958;;;;;c"))
    assert (outcome.taken, outcome.refused, outcome.faults[0].name) == (1, 1, "text")


def test_more_refused_rows_than_are_listed_are_counted(
    registry: Registry, bank: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "MOST_LISTED", 3)
    outcome = preview(registry, bank, file_of(*["fax;+442079460958;;;;;"] * 5))
    assert (outcome.refused, len(outcome.faults)) == (5, 3)
