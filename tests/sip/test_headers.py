"""Addresses, URIs and the headers that name callers and redirectors."""

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_message import invite, read

from tosqauyl.sip import headers
from tosqauyl.sip.limits import MAX_ADDRESS_VALUES
from tosqauyl.sip.text import is_token, split_outside
from tosqauyl.sip.uri import Uri, parse_uri, render_uri, telephone

CORPUS = Path(__file__).parent.parent / "corpora" / "sip"
ADDRESSES = list(csv.DictReader((CORPUS / "addresses.csv").open(encoding="utf-8")))
URIS = list(csv.DictReader((CORPUS / "uris.csv").open(encoding="utf-8")))
PAI = "<sip:+77011234567@h>"


@pytest.mark.parametrize("row", ADDRESSES, ids=lambda row: row["value"])
def test_address_reads_as_the_table_says(row: dict[str, str]) -> None:
    expected = None if row["uri"] == "MALFORMED" else (row["display"], row["uri"], row["params"])
    assert headers.name_addr(row["value"]) == expected


@pytest.mark.parametrize("row", URIS, ids=lambda row: row["uri"])
def test_uri_reads_as_the_table_says(row: dict[str, str]) -> None:
    assert telephone(row["uri"]) == row["telephone"]
    uri = parse_uri(row["uri"])
    if row["user"] == "MALFORMED":
        assert uri is None
    else:
        assert uri is not None
        assert (uri.user, uri.host, str(uri.port)) == (row["user"], row["host"], row["port"])


TEXT = st.text(st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=15)
NAMES = st.text("abcdefghij-", min_size=1, max_size=8)


@given(st.sampled_from(["sip", "sips"]), TEXT, TEXT, st.integers(0, 65535), st.dictionaries(NAMES, TEXT, max_size=3))
def test_a_rendered_uri_reads_as_itself(
    scheme: str, user: str, password: str, port: int, params: dict[str, str]
) -> None:
    uri = Uri(scheme, user, password, "host.example", port, params)
    assert parse_uri(render_uri(uri)) == uri


@given(st.text(max_size=40))
def test_any_text_is_a_uri_or_none_and_has_a_telephone(text: str) -> None:
    assert isinstance(telephone(text), str)
    assert isinstance(telephone("sip:" + text), str)
    uri = parse_uri(text)
    assert uri is None or parse_uri(render_uri(uri)) is not None


@given(st.lists(st.text('"<>,;=\\ab :@', max_size=30), max_size=4))
def test_any_list_of_addresses_gives_addresses_or_a_fault(values: list[str]) -> None:
    found, fault = headers.listed(values, "x")
    assert fault is not None or len(found) >= len(values)
    headers.asserted(values)
    headers.remote_party(values)
    headers.privacy(values)
    headers.redirecting(read(invite(*(f"Diversion: {value}" for value in values))))
    headers.redirecting(read(invite(*(f"History-Info: {value}" for value in values))))


def test_asserted_takes_one_sip_and_one_tel() -> None:
    found, fault = headers.asserted([f'"Bob" {PAI}, <tel:+77011234567>'])
    assert [address.uri for address in found] == ["sip:+77011234567@h", "tel:+77011234567"]
    assert fault is None


@pytest.mark.parametrize("values", [[PAI, PAI], [PAI, "<sips:+1@h>"], ["<tel:+1>, <tel:+2>"]])
def test_two_asserted_identities_of_a_kind_assert_nothing(values: list[str]) -> None:
    found, fault = headers.asserted(values)
    assert found == []
    assert fault is not None


def test_a_broken_asserted_identity_is_left_out_with_a_fault() -> None:
    assert headers.asserted(['"open <sip:a@h>'])[0] == []
    assert headers.asserted(['"open <sip:a@h>'])[1] is not None
    assert headers.asserted([]) == ([], None)


def test_only_the_calling_remote_party_counts() -> None:
    values = ["<sip:1@h>;party=called;privacy=off", "<sip:2@h>;Party=Calling", "<sip:3@h>"]
    assert [address.uri for address in headers.remote_party(values)[0]] == ["sip:2@h", "sip:3@h"]


def test_the_topmost_diversion_is_the_last_redirecting() -> None:
    request = read(
        invite("Diversion: <tel:+7701>;reason=no-answer;counter=2, <sip:+7702@h>", "Diversion: <sip:+7703@h>")
    )
    assert headers.redirecting(request) == (["tel:+7701", "sip:+7702@h", "sip:+7703@h"], "tel:+7701", 4, None)


def test_a_broken_diversion_is_a_fault_and_the_others_count() -> None:
    uris, last, count, fault = headers.redirecting(read(invite("Diversion: broken, <sip:+7702@h>;counter=x")))
    assert (uris, last, count) == (["sip:+7702@h"], "sip:+7702@h", 1)
    assert fault is not None


def test_history_info_names_whom_an_entry_with_a_cause_came_from() -> None:
    request = read(
        invite(
            "History-Info: <sip:+7701@h?Privacy=history>;index=1, <sip:+7702@h;cause=302>;index=1.1",
            "History-Info: <sip:+7703@h?Reason=SIP%3Bcause%3D486>;index=1.1.1",
        )
    )
    assert headers.redirecting(request) == (["sip:+7702@h;cause=302", "sip:+7701@h"], "sip:+7702@h;cause=302", 2, None)


def test_history_info_without_indexes_goes_by_order() -> None:
    request = read(invite("History-Info: <sip:+7701@h>, <sip:+7702@h;cause=302>"))
    assert headers.redirecting(request) == (["sip:+7701@h"], "sip:+7701@h", 1, None)
    assert headers.redirecting(read(invite("History-Info: <sip:+7702@h;cause=302>")))[3] is not None


def test_history_info_without_a_cause_is_no_redirection() -> None:
    assert headers.redirecting(read(invite("History-Info: <sip:+7701@h>;index=1"))) == ([], "", 0, None)
    assert headers.redirecting(read(invite())) == ([], "", 0, None)


def test_diversion_wins_over_history_info() -> None:
    request = read(invite("History-Info: <sip:1@h>;index=1, <sip:2@h;cause=302>;index=1.1", "Diversion: <sip:9@h>"))
    assert headers.redirecting(request)[1] == "sip:9@h"


def test_a_list_without_end_is_cut_with_a_fault() -> None:
    found, fault = headers.listed([PAI] * 100, "diversion")
    assert len(found) == MAX_ADDRESS_VALUES
    assert fault is not None


def test_privacy_is_sorted_lower_case() -> None:
    assert headers.privacy(["Id; User", "CRITICAL"]) == "critical;id;user"
    assert headers.privacy(["id,header"]) == "header;id"
    assert headers.privacy([" "]) == headers.privacy([]) == ""


def test_grammar_rules() -> None:
    assert is_token("a-b.!%*_+`'~9")
    assert not any(is_token(text) for text in ("", "a b", "a:b", "é", "a\r"))
    assert split_outside('a,"b,\\",c",<d,e>,f', ",") == ["a", '"b,\\",c"', "<d,e>", "f"]
    assert split_outside('a,"b', ",") is None
    assert headers.parameter(';a="x;\\"y";B', "a") == 'x;"y'
    assert headers.parameter(";a=1;B", "b") == ""
    assert headers.parameter(";a=1", "c") is None
