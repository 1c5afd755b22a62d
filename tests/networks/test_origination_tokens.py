import hashlib
import os
import struct
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from origination_desk import CALLED, CALLER, pair

from tosqauyl.errors import FileMistakes, TosqauylError
from tosqauyl.networks.origination.tokens import (
    BUCKET,
    Keys,
    PairKey,
    buckets,
    load_keys,
    make_key,
    message,
    token,
)

SECRET = bytes(range(32))
TEXT = st.text(max_size=20)
NUMBER = st.integers(-(2**63), 2**63 - 1)


@given(st.floats(0, 1e11), st.floats(0, 3600), st.floats(0, 3600), st.floats(0, 1))
def test_every_moment_of_the_span_is_in_a_bucket_and_no_bucket_is_outside(
    at: float, before: float, after: float, part: float
) -> None:
    found = buckets(at, before, after)
    moment = (at - before) + part * (before + after)
    assert min(moment, at + after) // BUCKET in found
    assert found[0] * BUCKET <= at - before < (found[0] + 1) * BUCKET
    assert found[-1] * BUCKET <= at + after < (found[-1] + 1) * BUCKET


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), float("-inf")])
def test_a_time_that_is_none_is_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="time"):
        buckets(wrong, 1.0, 1.0)
    with pytest.raises(ValueError, match="time"):
        buckets(0.0, wrong, 1.0)


@given(st.tuples(TEXT, TEXT, NUMBER), st.tuples(TEXT, TEXT, NUMBER))
def test_two_calls_have_one_message_only_if_they_are_one_call(
    one: tuple[str, str, int], two: tuple[str, str, int]
) -> None:
    assert (message(*one) == message(*two)) == (one == two)


def test_the_digits_of_caller_and_called_cannot_be_shifted_into_each_other() -> None:
    assert token(SECRET, "+7701", "+7705", 1) != token(SECRET, "+7701+", "7705", 1)


def test_a_token_is_blake2b_keyed_and_with_a_purpose_of_its_own() -> None:
    told = struct.pack(">qH", 179_000_000, len(CALLER)) + CALLER.encode() + CALLED.encode()
    by_hand = hashlib.blake2b(told, digest_size=16, key=SECRET, person=b"tosqauyl-origin").digest()
    assert token(SECRET, CALLER, CALLED, 179_000_000) == by_hand
    assert PairKey("kcell", "1", SECRET).seal(told) == by_hand
    assert by_hand != hashlib.blake2b(told, digest_size=16, key=SECRET).digest()


def test_a_token_differs_by_key_caller_called_order_and_bucket() -> None:
    variants = [
        token(SECRET, CALLER, CALLED, 5),
        token(bytes(32), CALLER, CALLED, 5),
        token(SECRET, CALLED, CALLER, 5),
        token(SECRET, CALLER, CALLED + "0", 5),
        token(SECRET, CALLER, CALLED, 6),
        token(SECRET, CALLER, CALLED, -5),
    ]
    assert len(set(variants)) == len(variants)
    assert {len(one) for one in variants} == {16}


@pytest.mark.parametrize(("caller", "bucket"), [("7" * 70_000, 1), (CALLER, 2**63), ("\ud800", 1)])
def test_what_cannot_be_a_token_is_a_value_error(caller: str, bucket: int) -> None:
    with pytest.raises(ValueError, match=r"range|surrogates"):
        token(SECRET, caller, CALLED, bucket)


def test_the_newest_key_of_a_peer_comes_first_and_strangers_have_none() -> None:
    keys = Keys((pair("t2", "2026-09"), pair("beeline"), pair("t2", "2026-11"), pair("t2", "2026-10")))
    assert [one.id for one in keys.of("t2")] == ["2026-11", "2026-10", "2026-09"]
    assert keys.peers == ("beeline", "t2")
    assert keys.of("kcell") == ()
    assert len(keys) == 4


def test_one_key_twice_is_refused() -> None:
    with pytest.raises(TosqauylError, match="twice"):
        Keys((pair("t2"), pair("t2", salt="other")))


def test_the_digest_of_keys_differs_with_any_secret_and_not_with_their_order() -> None:
    one = Keys((pair("t2"), pair("beeline")))
    assert one.digest == Keys((pair("beeline"), pair("t2"))).digest
    assert one.digest != Keys((pair("beeline"), pair("t2", salt="other"))).digest
    assert one.digest != Keys((pair("beeline"),)).digest


def test_a_secret_is_never_shown() -> None:
    key = PairKey("t2", "1", b"very secret bytes, thirty-two !!")
    assert "secret bytes" not in repr(key)
    with pytest.raises(TosqauylError) as error:
        PairKey("t2", "1", b"very secret bytes")
    assert "very" not in str(error.value)


def write(folder: Path, name: str, text: str | bytes, mode: int = 0o600) -> Path:
    file = folder / name
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    file.chmod(mode)
    return file


def test_a_made_key_can_be_loaded_from_its_file_and_from_its_folder(tmp_path: Path) -> None:
    file = write(tmp_path, "t2.toml", make_key("t2", "2026-11", SECRET))
    assert load_keys(file).of("t2") == (PairKey("t2", "2026-11", SECRET),)
    write(tmp_path, "beeline.toml", make_key("beeline", "2026-11"))
    write(tmp_path, "t2-next.toml", make_key("t2", "2026-12"))
    write(tmp_path, "README.md", "is no key", 0o644)
    keys = load_keys(str(tmp_path))
    assert keys.peers == ("beeline", "t2")
    assert [one.id for one in keys.of("t2")] == ["2026-12", "2026-11"]


def test_two_made_keys_have_different_secrets() -> None:
    assert make_key("t2", "1") != make_key("t2", "1")


def test_a_secret_may_stand_in_a_file_of_its_own(tmp_path: Path) -> None:
    write(tmp_path, "t2.key", SECRET)
    file = write(tmp_path, "t2.toml", 'peer = "t2"\nid = "1"\nsecret_file = "t2.key"\n')
    assert load_keys(file).of("t2")[0].secret == SECRET


def test_an_empty_folder_holds_no_keys(tmp_path: Path) -> None:
    assert load_keys(tmp_path).peers == ()


HEX = SECRET.hex()
WRONG = [
    (f'id = "1"\nsecret = "{HEX}"\n', 1, "peer is missing"),
    (f'peer = "T2!"\nid = "1"\nsecret = "{HEX}"\n', 1, "peer is not of its form"),
    (f'peer = "t2"\nid = 7\nsecret = "{HEX}"\n', 2, "id is not of its form"),
    ('peer = "t2"\nid = "1"\n', 1, "either secret or secret_file"),
    ('peer = "t2"\nid = "1"\nsecret = "00"\n', 3, "not 64 hexadecimal"),
    (f'peer = "t2"\nid = "1"\nsecret = "{HEX}"\nsecret_file = "x"\n', 3, "either secret or secret_file"),
    ('peer = "t2"\nid = "1"\nsecret_file = "nowhere.key"\n', 3, "cannot be read"),
    (f'peer = "t2"\nid = "1"\nsecret = "{HEX}"\npeers = 1\n', 4, "is no field"),
    ("peer = \n", 1, "not TOML"),
    (b"\xff\xfe", 0, "is not UTF-8"),
]


@pytest.mark.parametrize(("text", "line", "what"), WRONG)
def test_what_is_wrong_in_a_key_file_is_told_with_its_line(
    tmp_path: Path, text: str | bytes, line: int, what: str
) -> None:
    file = write(tmp_path, "t2.toml", text)
    with pytest.raises(FileMistakes) as error:
        load_keys(file)
    [mistake] = error.value.mistakes
    assert (mistake.line, mistake.file) == (line, str(file))
    assert what in mistake.what
    assert HEX not in str(error.value)


def test_all_mistakes_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    write(tmp_path, "a.toml", 'peer = "!"\nid = "!"\n')
    write(tmp_path, "b.toml", make_key("t2", "1"), 0o640)
    write(tmp_path, "c.toml", make_key("t2", "1"))
    write(tmp_path, "d.toml", make_key("t2", "1"))
    with pytest.raises(FileMistakes) as error:
        load_keys(tmp_path)
    assert len(error.value.mistakes) == 5
    assert [Path(one.file).name for one in error.value.mistakes] == ["a.toml"] * 3 + ["b.toml", "d.toml"]


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_a_key_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(FileMistakes, match="others may read"):
        load_keys(write(tmp_path, "t2.toml", make_key("t2", "1"), mode))
    write(tmp_path, "t2.key", SECRET, mode)
    file = write(tmp_path, "ok.toml", 'peer = "t2"\nid = "1"\nsecret_file = "t2.key"\n')
    with pytest.raises(FileMistakes, match="others may read"):
        load_keys(file)


@pytest.mark.parametrize(("mode", "user", "opens"), [(0o440, 999, True), (0o444, 999, False), (0o440, 0, False)])
def test_a_key_that_root_hands_to_a_service_may_show_an_access_list_as_group_rights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, user: int, opens: bool
) -> None:
    file = write(tmp_path, "t2.toml", make_key("t2", "1"), mode)
    found = os.stat(file)
    owned = os.stat_result((*found[:4], 0, *found[5:10]))
    monkeypatch.setattr(os, "fstat", lambda descriptor: owned)
    monkeypatch.setattr(os, "geteuid", lambda: user)
    if opens:
        assert load_keys(file).peers == ("t2",)
    else:
        with pytest.raises(FileMistakes, match="others may read"):
            load_keys(file)


def test_a_secret_file_of_another_length_and_a_place_that_is_none_are_told(tmp_path: Path) -> None:
    write(tmp_path, "t2.key", SECRET + b"\n")
    file = write(tmp_path, "t2.toml", 'peer = "t2"\nid = "1"\nsecret_file = "t2.key"\n')
    with pytest.raises(FileMistakes, match="33 bytes"):
        load_keys(file)
    with pytest.raises(FileMistakes, match="cannot be read"):
        load_keys(tmp_path / "nowhere")


def test_buckets_of_following_questions_overlap() -> None:
    spans = [buckets(1000.0 + second, 15.0, 2.0) for second in range(60)]
    assert all(set(one) & set(two) for one, two in pairwise(spans))
    assert {len(span) for span in spans} == {2, 3}
