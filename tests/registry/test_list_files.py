"""The list as text and as files: strict, merged while it is sent, replaced by rename."""

import gzip
import os
import stat
from hashlib import sha256
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tosqauyl.errors import TosqauylError
from tosqauyl.registry import list_files, observables
from tosqauyl.registry.actor import SYSTEM
from tosqauyl.registry.conditions import allow
from tosqauyl.registry.list_files import NAME, Renewal, export, merged, open_list, refresh, whole
from tosqauyl.registry.list_text import (
    ListHeader,
    change_line,
    changes_text,
    ended,
    gzipped,
    in_pieces,
    list_head,
    read_head,
)
from tosqauyl.registry.publish import Change, trim
from tosqauyl.registry.tables import ListHead

CORPORA = Path(__file__).parents[1] / "corpora"
LIST = "0123456789abcdef0123456789abcdef"
ID = UUID("0195f0a2-7c1e-7a31-9c00-3f2b5d8e9a01")


def change_of(fields: list[str], seq: int = 0) -> Change:
    number, listing, expires, which = fields
    until = 0 if expires == "-" else int(expires) * 1000 + 999  # what is less than a second is cut off
    return Change(seq, number, listing, until, None if which == "-" else UUID(which))


def test_the_whole_list_is_written_as_the_gates_golden_file() -> None:
    golden = (CORPORA / "published-list.txt").read_bytes()
    first, *lines, _, _ = golden.split(b"\n")
    made = [list_head(read_head(first)), *(change_line(change_of(line.decode().split("\t"))) for line in lines)]
    assert b"".join(ended(made)) == golden


def test_changes_are_written_as_the_gates_golden_file() -> None:
    golden = (CORPORA / "published-changes.txt").read_bytes()
    first, *lines, _, _ = golden.decode().split("\n")
    _, _, list_id, after, _ = first.split(" ")
    rows = [line.split("\t") for line in lines]
    assert changes_text(list_id, int(after), [change_of(row[1:], int(row[0])) for row in rows]) == golden


def test_no_changes_are_a_header_whose_last_seq_is_what_the_gate_knows() -> None:
    text = changes_text(LIST, 7, ())
    assert text.startswith(f"tosqauyl-changes 1 {LIST} 7 7\nend ".encode())


@pytest.mark.parametrize(
    "line", [b"", b"tosqauyl-list 2 x 1 1", b"tosqauyl-list 1 x 1", b"tosqauyl-list 1 x -1 1", b"\xff tosqauyl-list"]
)
def test_another_first_line_is_none(line: bytes) -> None:
    assert read_head(line) is None


@given(st.lists(st.binary(max_size=40)), st.integers(1, 50))
def test_pieces_are_the_same_bytes(parts: list[bytes], size: int) -> None:
    assert b"".join(in_pieces(parts, size)) == b"".join(parts)
    assert gzip.decompress(b"".join(gzipped(parts))) == b"".join(parts)


def number_file(folder: Path, numbers) -> list_files.ListFile:
    lines = sorted(change_line(Change(0, number, "block", 0, ID)) for number in numbers)
    path = folder / "base"
    path.write_bytes(b"".join(ended([list_head(ListHeader(LIST, 5, len(lines))), *lines])))
    return open_list(path)


NUMBERS = st.one_of(st.integers(10, 999).map(str), st.integers(10**6, 10**6 + 300).map("+{}".format), st.just("+7"))


@given(st.sets(NUMBERS, max_size=60), st.dictionaries(NUMBERS, st.sampled_from(("block", "mark", "none")), max_size=30))
def test_merging_changes_into_a_file_is_the_same_as_making_it_anew(tmp_path_factory, known, changed) -> None:
    base = number_file(tmp_path_factory.mktemp("merge"), known)
    latest = {number.encode(): Change(6, number, listing, 7_000, ID) for number, listing in changed.items()}
    expected = {number: Change(0, number, "block", 0, ID) for number in known}
    expected |= {change.number: change for change in latest.values()}
    lines = sorted(change_line(change) for change in expected.values() if change.listing != "none")
    assert b"".join(merged(base, latest, 9)) == b"".join(ended([list_head(ListHeader(LIST, 9, len(lines))), *lines]))


def listed(registry, who, *numbers: str) -> None:
    for number in numbers:
        with registry.work(who) as work:
            allow(work, observables.observe(work, "phone", number).id, "ours", 0)


def text_of(registry, folder: Path) -> bytes:
    with registry.read(SYSTEM) as work:
        header, pieces = whole(work, folder)
        text = b"".join(pieces)
    assert read_head(text.partition(b"\n")[0]) == header
    body, end = text[: text.rindex(b"end ")], text[text.rindex(b"end ") :]
    assert end == f"end {sha256(body).hexdigest()}\n".encode()
    return text


def entries(text: bytes) -> list[str]:
    return [line.partition(b"\t")[0].decode() for line in text.split(b"\n")[1:-2]]


def test_the_list_is_the_file_with_later_changes_in_it(registry, supervisor, tmp_path) -> None:
    assert entries(text_of(registry, tmp_path)) == []
    listed(registry, supervisor, "+447700900603", "+447700900601")
    assert entries(text_of(registry, tmp_path)) == ["+447700900601", "+447700900603"]
    assert open_list(tmp_path / NAME).header.seq == 0
    with registry.read(SYSTEM) as work:
        assert refresh(work, tmp_path, Renewal(changes=2))
        assert not refresh(work, tmp_path, Renewal(changes=2))
    assert open_list(tmp_path / NAME).header.entries == 2
    listed(registry, supervisor, "+447700900602")
    assert entries(text_of(registry, tmp_path)) == ["+447700900601", "+447700900602", "+447700900603"]


def test_the_file_is_written_anew_when_it_is_old_and_something_changed(registry, supervisor, tmp_path, clock) -> None:
    text_of(registry, tmp_path)
    clock[0] += 600_000
    with registry.read(SYSTEM) as work:
        assert not refresh(work, tmp_path)
    listed(registry, supervisor, "+447700900601")
    with registry.read(SYSTEM) as work:
        assert refresh(work, tmp_path)
    listed(registry, supervisor, "+447700900602")
    with registry.read(SYSTEM) as work:
        assert not refresh(work, tmp_path)


def test_only_the_owner_may_read_the_offices_file_and_nothing_is_left_beside_it(registry, supervisor, tmp_path) -> None:
    listed(registry, supervisor, "+447700900601")
    text_of(registry, tmp_path)
    assert stat.S_IMODE((tmp_path / NAME).stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(("calls", ".calls"))] == [NAME]


@pytest.mark.parametrize("damage", [b"", b"x", b"tosqauyl-list 1 a 0 0\nend x\n"])
def test_a_damaged_file_is_made_anew(registry, supervisor, tmp_path, damage: bytes) -> None:
    listed(registry, supervisor, "+447700900601")
    text = text_of(registry, tmp_path)
    (tmp_path / NAME).write_bytes(damage)
    with pytest.raises(TosqauylError):
        open_list(tmp_path / NAME)
    assert text_of(registry, tmp_path) == text


def test_a_file_of_another_list_or_from_before_what_is_kept_is_made_anew(registry, supervisor, tmp_path, clock) -> None:
    text_of(registry, tmp_path)
    with registry.work(SYSTEM) as work:
        work.db.get(ListHead, 1).list = "f" * 32
    listed(registry, supervisor, "+447700900601", "+447700900602", "+447700900603")
    assert f"tosqauyl-list 1 {'f' * 32} 3 3\n".encode() in text_of(registry, tmp_path)
    with registry.work(SYSTEM) as work:
        assert trim(work, clock[0] + 1) == 2
    assert len(entries(text_of(registry, tmp_path))) == 3
    listed(registry, supervisor, "+447700900604")
    with registry.work(SYSTEM) as work:
        trim(work, clock[0] + 1)
    assert len(entries(text_of(registry, tmp_path))) == 4


def test_a_folder_that_cannot_be_written_is_told(registry, tmp_path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TosqauylError, match="cannot be written"), registry.read(SYSTEM) as work:
        whole(work, tmp_path / "file")


def exported(registry, folder: Path, out: Path, **more) -> int:
    with registry.read(SYSTEM) as work:
        return export(work, folder, out, **more)


def read_folder(out: Path) -> tuple[int, set[str]]:
    """As a gate does: the list, then the changes that follow its seq."""
    base = open_list(out / NAME)
    seq, known = base.header.seq, set(entries(bytes(base.memory)))
    while (path := out / f"calls.changes.{seq + 1}").exists():
        for line in path.read_text().split("\n")[1:-2]:
            text, number, listing, *_ = line.split("\t")
            assert int(text) == seq + 1
            seq = int(text)
            (known.discard if listing == "none" else known.add)(number)
    return seq, known


def test_a_folder_for_gates_gets_the_list_and_then_each_change(registry, supervisor, tmp_path) -> None:
    out = tmp_path / "gates"
    numbers = [f"+4477009006{place:02}" for place in range(12)]
    listed(registry, supervisor, numbers[0])
    exported(registry, tmp_path, out)
    for place in range(1, 12):
        listed(registry, supervisor, numbers[place])
        assert exported(registry, tmp_path, out, mode=0o644, renewal=Renewal(parts=3)) >= 1
        assert read_folder(out) == (place + 1, set(numbers[: place + 1]))
        assert len(list(out.iterdir())) <= 8
    assert exported(registry, tmp_path, out) == 0
    assert {stat.S_IMODE(path.stat().st_mode) for path in out.iterdir()} == {0o644}


def test_changes_since_the_list_before_stay_for_gates_that_are_behind(registry, supervisor, tmp_path) -> None:
    out = tmp_path / "gates"
    exported(registry, tmp_path, out)
    for place in range(4):
        listed(registry, supervisor, f"+44770090060{place}")
        exported(registry, tmp_path, out, renewal=Renewal(parts=3))
    assert open_list(out / NAME).header.seq == 4
    assert all((out / f"calls.changes.{seq}").exists() for seq in (1, 2, 3, 4))


def test_a_folder_of_another_list_is_written_anew(registry, supervisor, tmp_path) -> None:
    out = tmp_path / "gates"
    listed(registry, supervisor, "+447700900601", "+447700900602")
    exported(registry, tmp_path, out)
    listed(registry, supervisor, "+447700900603")
    exported(registry, tmp_path, out)
    with registry.work(SYSTEM) as work:
        work.db.get(ListHead, 1).list = "e" * 32
    exported(registry, tmp_path, out)
    assert read_folder(out)[0] == 3
    assert open_list(out / NAME).header.list == "e" * 32
    assert [path.name for path in out.iterdir()] == [NAME]


def test_a_file_in_use_may_be_replaced(registry, supervisor, tmp_path) -> None:
    listed(registry, supervisor, *(f"+44770090060{place}" for place in range(5)))
    with registry.read(SYSTEM) as work:
        _, pieces = whole(work, tmp_path)
    os.unlink(tmp_path / NAME)
    (tmp_path / NAME).write_bytes(b"x")
    assert len(entries(b"".join(pieces))) == 5
