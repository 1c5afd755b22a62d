"""A file that is not exactly what was written never loads."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from snapshot_desk import small, written

from tosqauyl.errors import TosqauylError
from tosqauyl.snapshots import format as file_format
from tosqauyl.snapshots.build import Sources
from tosqauyl.snapshots.format import ALIGN, write_snapshot
from tosqauyl.snapshots.load import map_snapshot, open_snapshot
from tosqauyl.snapshots.write import write


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return written(tmp_path_factory.mktemp("sound"))


def spoiled(path: Path, data: bytes, tmp_path: Path) -> Path:
    """Other content under the same name."""
    copy = tmp_path / path.name
    copy.write_bytes(data)
    copy.chmod(0o600)
    return copy


def refuses(path: Path, says: str | None = None) -> None:
    with pytest.raises(TosqauylError, match=says) as refused:
        map_snapshot(path)
    assert str(path) in str(refused.value)


def boundaries(path: Path) -> list[int]:
    file = open_snapshot(path)
    file.close()
    sections = file.head.sections
    return sorted({place for one in sections for place in (one.offset, one.offset + one.length)})


def test_what_is_written_is_loaded(path):
    known = map_snapshot(path)
    assert known.hash == path.stem[:16]
    assert known.policy == small().snapshot.policy


def test_a_file_is_its_owners_alone_and_named_by_its_content(path, tmp_path):
    assert path.stat().st_mode & 0o777 == 0o600
    assert written(tmp_path).name == path.name
    assert written(tmp_path, abroad=("+77010000000",)).name != path.name
    assert [one.name for one in tmp_path.iterdir() if not one.name.endswith(".tqs")] == []


def test_a_file_that_is_cut_at_a_section_never_loads(path, tmp_path):
    data = path.read_bytes()
    for place in [0, 1, 15, 16, 47, 48, 100, ALIGN - 1, *boundaries(path)]:
        for cut in {place - 1, place, place + 1} & set(range(len(data))):
            refuses(spoiled(path, data[:cut], tmp_path))


@settings(max_examples=30)
@given(st.data())
def test_a_file_that_is_cut_anywhere_never_loads(path, tmp_path_factory, data):
    whole = path.read_bytes()
    refuses(spoiled(path, whole[: data.draw(st.integers(0, len(whole) - 1))], tmp_path_factory.mktemp("cut")))


@settings(max_examples=80)
@given(st.data())
def test_a_file_with_one_bit_flipped_never_loads(path, tmp_path_factory, data):
    whole = bytearray(path.read_bytes())
    near = st.sampled_from([*range(0, 60), *boundaries(path)[:-1]])
    place = data.draw(st.integers(0, len(whole) - 1) | st.integers(0, 3 * ALIGN) | near)
    whole[place] ^= 1 << data.draw(st.integers(0, 7))
    refuses(spoiled(path, bytes(whole), tmp_path_factory.mktemp("flipped")))


def test_a_torn_file_never_loads(path, tmp_path):
    data = path.read_bytes()
    for place in range(ALIGN, len(data), len(data) // 7):
        refuses(spoiled(path, data[:place] + bytes(len(data) - place), tmp_path), "digest")


def test_a_longer_file_never_loads(path, tmp_path):
    for more in (b"\0", bytes(ALIGN)):
        refuses(spoiled(path, path.read_bytes() + more, tmp_path), "longer")


def test_another_version_is_refused_with_what_to_do(path, tmp_path):
    data = bytearray(path.read_bytes())
    data[8] = 2
    refuses(spoiled(path, bytes(data), tmp_path), "version 2.*build it again")


def test_a_file_under_another_name_is_refused(path, tmp_path):
    other = tmp_path / ("0" * 32 + ".tqs")
    other.write_bytes(path.read_bytes())
    other.chmod(0o600)
    refuses(other, "its name is")


def test_a_file_that_others_may_write_is_refused(path, tmp_path):
    copy = spoiled(path, path.read_bytes(), tmp_path)
    copy.chmod(0o620)
    refuses(copy, "chmod 600")


def test_what_is_no_file_is_refused(path, tmp_path):
    link, pipe = tmp_path / path.name, tmp_path / ("1" * 32 + ".tqs")
    link.symlink_to(path)
    refuses(link, "cannot be opened")
    os.mkfifo(pipe, 0o600)
    refuses(pipe, "no file")
    refuses(tmp_path / "nowhere.tqs", "No such file")
    refuses(tmp_path)


@settings(max_examples=60)
@given(st.binary(max_size=300))
def test_junk_is_refused(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("junk") / "0.tqs"
    path.write_bytes(data)
    refuses(path)
    path.write_bytes(file_format.MAGIC + b"\1\0\0\0" + data)
    refuses(path)


def sealed(folder: Path, manifest: object, rest: bytes = b"") -> Path:
    """A file whose head has the right digest whatever it says."""
    text = manifest if isinstance(manifest, bytes) else json.dumps(manifest).encode()
    head = file_format._head(text)
    path = folder / f"{head[16:48].hex()[:32]}.tqs"
    path.write_bytes(head + rest)
    path.chmod(0o600)
    return path


BLOCK = bytes(ALIGN)


@pytest.mark.parametrize(
    ("sections", "rest", "says"),
    [
        ([], b"", "no sections"),
        ("abc", b"", "no sections"),
        ([["a", 0, 10, "0"]] * 40, BLOCK, "no sections"),
        ([["a", 0, 10]], BLOCK, "name, place, length"),
        ([["a", 0, True, "0"]], BLOCK, "name, place, length"),
        ([["a", 0.0, 10, "0"]], BLOCK, "name, place, length"),
        ([["a", -ALIGN, 10, "0"]], BLOCK, "does not follow"),
        ([["a", 0, -10, "0"]], BLOCK, "does not follow"),
        ([["a", ALIGN, 10, "0"]], BLOCK * 2, "does not follow"),
        ([["a", 0, 10, "0"], ["b", 0, 10, "0"]], BLOCK, "does not follow"),
        ([["a", 0, 10, "0"], ["b", 5, 10, "0"]], BLOCK * 2, "does not follow"),
        ([["a", 0, 10, "0"], ["a", ALIGN, 10, "0"]], BLOCK * 2, "does not follow"),
        ([["a", 0, 1 << 60, "0"]], BLOCK, "does not follow"),
        ([["a", 0, ALIGN * 9, "0"]], BLOCK, "cut off"),
        ([["a", 0, 10, "0" * 64]], BLOCK, "digest"),
    ],
)  # fmt: skip
def test_sections_that_lie_about_their_place_are_refused(tmp_path, sections, rest, says):
    refuses(sealed(tmp_path, {"sections": sections}, rest), says)


@pytest.mark.parametrize("manifest", [b"", b"[]", b"7", b"{", b"\xff", b"[" * 100_000, b'{"sections": NaN}', {"no": 1}])
def test_a_manifest_that_is_none_is_refused(tmp_path, manifest):
    refuses(sealed(tmp_path, manifest), "manifest")


def test_a_failed_write_leaves_nothing(tmp_path, monkeypatch):
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_snapshot(tmp_path, {}, {"a": [b"x"]})
    with pytest.raises(OSError, match="No space"):
        write(small(), Sources(), tmp_path)
    assert list(tmp_path.iterdir()) == []
