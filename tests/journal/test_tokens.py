"""Tokens and masks."""

import stat
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tosqauyl.errors import TosqauylError
from tosqauyl.tokens import Tokens, load_key, mask

A = Tokens(b"a" * 32)


@given(st.text(), st.text())
def test_a_token_stands_for_one_number(one, other):
    assert (A.of(one) == A.of(other)) == (one == other)


@given(st.text(st.characters(), min_size=1))
def test_any_text_has_a_token_also_undecodable_bytes(text):
    assert A.of(text).startswith("t:")
    assert len(A.of(text)) == 18


def test_tokens_of_another_key_or_purpose_cannot_be_joined():
    number = "+77011234567"
    assert len({A.of(number), Tokens(b"b" * 32).of(number), Tokens(b"a" * 32, "registry").of(number)}) == 3
    assert A.key_id != Tokens(b"b" * 32).key_id


def test_tokens_stay_the_same_over_releases():
    assert Tokens(bytes(range(32))).of("+77011234567") == "t:2ad1f8be26e1753b"


def test_the_empty_number_has_the_empty_token():
    assert A.of("") == ""


def test_a_short_key_is_refused():
    with pytest.raises(TosqauylError, match="shorter"):
        Tokens(b"short")


def test_the_key_is_made_once_for_its_owner_only(tmp_path):
    path = tmp_path / "data" / "token.key"
    with ThreadPoolExecutor(8) as threads:
        keys = set(threads.map(lambda _: load_key(path), range(16)))
    assert len(keys) == 1
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [found.name for found in path.parent.iterdir()] == ["token.key"]


@pytest.mark.parametrize(
    ("content", "mode", "message"), [(b"x" * 32, 0o644, "others may read"), (b"x", 0o600, "1 bytes")]
)
def test_a_key_file_that_is_not_right_is_a_clear_error(tmp_path, content, mode, message):
    path = tmp_path / "token.key"
    path.write_bytes(content)
    path.chmod(mode)
    with pytest.raises(TosqauylError, match=message):
        load_key(path)


def test_a_folder_that_cannot_be_made_is_a_clear_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(TosqauylError, match="cannot be used"):
        load_key(tmp_path / "file" / "token.key")


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("+77011234567", "+7701***4567"),
        ("+442079460000", "+4420****0000"),
        ("+37253446", "+37****46"),
        ("77011234567", "7701***4567"),
        ("102", "102"),
        ("", ""),
        ("t:0123456789abcdef", "t:0123456789abcdef"),
        ("alice", "a***"),
        ("+", "+***"),
        ("٣٣٣٣٣٣٣٣٣٣٣", "٣***"),
    ],
)
def test_masks(number, shown):
    assert mask(number) == shown


@given(st.text())
def test_a_mask_never_shows_all_of_a_long_number_and_never_raises(text):
    if len(text.removeprefix("+")) > 6 and not text.startswith("t:"):
        assert "*" in mask(text)
