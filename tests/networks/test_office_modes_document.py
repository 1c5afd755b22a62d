"""The document of the office's modes: what is not whole and right is refused whole, whatever it is."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tosqauyl.errors import TosqauylError
from tosqauyl.networks.office.modes import MOST_MODES, MOST_MODES_BYTES, read_document

MODE = {
    "rule": "kz-fixed-abroad", "mode": "canary", "percent": 5, "reason": "back-test bt-0123456789ab: would have decided 400",
    "by": "user:aida, approved by user:daniyar", "on": "2026-11-30", "report": "bt-0123456789ab",
    "made_for": "f926af2851e4 monitor", "since": 1_796_022_000,
    "tested": {"calls": 1_000_000, "seconds": 2_678_400, "decides": 400, "known_good": 0, "roamers": -1},
}  # fmt: skip
RETRACTED = MODE | {"mode": "monitor", "percent": 0, "report": "", "rule": "kz-letters"}


def document(*modes, **more):
    return json.dumps({"format": 1, "office": "ab" * 16, "revision": 7, "modes": list(modes), **more}).encode()


def test_a_document_is_read_with_all_that_it_says():
    found = read_document(document(MODE, RETRACTED))
    assert (found.office, found.revision, [one.mode for one in found.modes]) == ("ab" * 16, 7, ["canary", "monitor"])
    assert (found.modes[0].percent, found.modes[0].tested) == (5, (1_000_000, 2_678_400, 400, 0, -1))
    assert read_document(document()).modes == ()


def test_what_a_later_office_adds_is_passed_over():
    assert read_document(document(MODE | {"colour": "red"}, hint="x")).modes == read_document(document(MODE)).modes


@pytest.mark.parametrize(
    "said",
    [
        b"", b"{}", b"[]", b"null", b"\xff", b'{"format": 1', b"[" * 100_000, document(MODE)[:-1], document(MODE, MODE),
        document(MODE, format=2), document(MODE, office="AB"), document(MODE, revision=-1), document(MODE, revision="7"),
        document(1), document(*[MODE | {"rule": f"r{n}"} for n in range(MOST_MODES + 1)]), b" " * (MOST_MODES_BYTES + 1),
    ],
)  # fmt: skip
def test_what_is_no_document_is_refused(said):
    with pytest.raises(TosqauylError):
        read_document(said)


@pytest.mark.parametrize(
    "wrong",
    [
        {"rule": "KZ"}, {"rule": "a" * 41}, {"rule": "../x"}, {"mode": "off"}, {"mode": "enforce"}, {"percent": 0}, {"percent": 100},
        {"percent": True}, {"percent": "5"}, {"reason": "short"}, {"reason": "a\nb" * 20}, {"reason": "x" * 501}, {"report": ""},
        {"on": "30.11.2026"}, {"since": -1}, {"since": 1.5}, {"by": None}, {"tested": {"calls": -2}}, {"made_for": "\x1b[31m"},
    ],
)  # fmt: skip
def test_one_mode_that_cannot_be_refuses_the_whole(wrong):
    with pytest.raises(TosqauylError):
        read_document(document(RETRACTED, MODE | wrong))


@given(st.binary(max_size=300) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from([*MODE, "format", "office", "revision", "modes"]), inner, max_size=5), max_leaves=12,
).map(lambda value: json.dumps(value).encode()))  # fmt: skip
def test_nothing_but_the_one_error_comes_of_it(said):
    with suppress(TosqauylError):
        read_document(said)
