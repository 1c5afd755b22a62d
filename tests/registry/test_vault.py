"""The vault: what is sealed opens again, and only as what it was."""

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tosqauyl.errors import TosqauylError
from tosqauyl.registry.vault import Vault, add_key, load_vault, read_keys

OLD, NEW = {"0000000a": b"a" * 32}, {"0000000a": b"a" * 32, "0000000b": b"b" * 32}


@given(st.text())
def test_what_is_sealed_opens_again(text: str) -> None:
    vault = Vault(OLD)
    assert vault.open(vault.seal(text, "x"), "x") == text


def test_the_same_text_is_never_sealed_alike() -> None:
    vault = Vault(OLD)
    assert vault.seal("+77011234567", "x") != vault.seal("+77011234567", "x")


def test_nothing_of_the_text_is_in_the_sealed_bytes() -> None:
    assert b"77011234567" not in Vault(OLD).seal("+77011234567", "x")


@pytest.mark.parametrize("place", [0, 1, 5, 17, -1])
def test_one_changed_byte_is_noticed(place: int) -> None:
    vault = Vault(OLD)
    sealed = bytearray(vault.seal("Aida", "person"))
    sealed[place] ^= 1
    with pytest.raises(TosqauylError):
        vault.open(bytes(sealed), "person")


def test_a_value_moved_to_another_column_does_not_open() -> None:
    vault = Vault(OLD)
    with pytest.raises(TosqauylError, match="changed or moved"):
        vault.open(vault.seal("Aida", "report.text"), "report.contact")


def test_a_new_key_seals_and_the_old_one_still_opens() -> None:
    before, after = Vault(OLD), Vault(NEW)
    sealed = before.seal("Aida", "x")
    assert after.open(sealed, "x") == "Aida"
    assert not after.is_current(sealed)
    assert after.is_current(after.seal("Aida", "x"))
    with pytest.raises(TosqauylError, match="key that the vault does not have"):
        before.open(after.seal("Aida", "x"), "x")


def test_tokens_are_the_same_after_a_rotation_and_differ_by_purpose() -> None:
    assert Vault(OLD).token("+77011234567", "phone") == Vault(NEW).token("+77011234567", "phone")
    assert Vault(OLD).token("+77011234567", "phone") != Vault(OLD).token("+77011234567", "iin")
    assert Vault(OLD).token("+77011234567", "phone") != Vault({"0000000b": b"b" * 32}).token("+77011234567", "phone")


def test_a_key_file_is_made_for_its_owner_only_and_grows_by_a_line(tmp_path: Path) -> None:
    path = tmp_path / "vault.keys"
    first = add_key(path)
    second = add_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(read_keys(path.read_text(), "f")) == [first, second]
    assert load_vault(path).key_id == second


def test_a_key_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "vault.keys"
    add_key(path)
    path.chmod(0o640)
    with pytest.raises(TosqauylError, match="others may read"):
        load_vault(path)


@pytest.mark.parametrize("text", ["", "abc", "0000000a zz", "0000000a " + "00" * 31, "0a " + "00" * 32])
def test_a_file_without_a_sound_key_is_refused(text: str) -> None:
    with pytest.raises(TosqauylError):
        Vault(read_keys(text, "vault.keys"))
