"""Signatures of deliveries, made here and checked by the snippet that receivers are given."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tosqauyl.registry.signing import PREFIX, TOLERANCE_S, is_signed, new_secret, signature

DOCS = Path(__file__).parents[2] / "docs" / "webhooks.md"
AT = 1_796_022_000


def snippet():
    """The Python code of docs/webhooks.md."""
    (code,) = re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    names = {}
    exec(compile(code, str(DOCS), "exec"), names)
    return names["is_from_the_office"]


is_from_the_office = snippet()
CHECKS = pytest.mark.parametrize("check", [is_signed, is_from_the_office], ids=["ours", "docs"])


@CHECKS
def test_a_signature_that_openssl_made(check):
    """printf '%s' '1796022000.{"a":1}' | openssl dgst -sha256 -hmac whsec_x"""
    made = "32c7a2b0d37e6b245177562ba7880cfd61601689acbb522f7e1d3f3aac51e432"
    assert check("whsec_x", b'{"a":1}', f"t={AT},v1={made}", AT)
    assert signature("whsec_x", b'{"a":1}', AT) == f"t={AT},v1={made}"


@CHECKS
@given(st.binary(max_size=50), st.integers(0, 10**11), st.text(max_size=20))
def test_what_is_signed_is_known_whatever_it_is(check, body, at, secret):
    header = signature(secret, body, at)
    assert check(secret, body, header, at)
    assert not check(secret, body + b" ", header, at)
    assert not check(secret + "x", body, header, at)
    assert not check(secret, body, header.replace(f"t={at}", f"t={at + 1}"), at)


@CHECKS
@given(st.one_of(st.text(max_size=80), st.from_regex(r"t=[0-9]{0,20},v1=[0-9a-f]{0,70}")))
def test_any_other_header_is_no_signature_and_nothing_is_raised(check, header):
    assert check("whsec_x", b"body", header, AT) is False


@CHECKS
def test_an_old_one_and_one_of_the_future_are_refused(check):
    header = signature("whsec_x", b"body", AT)
    assert [check("whsec_x", b"body", header, AT + late) for late in (-TOLERANCE_S, TOLERANCE_S)] == [True, True]
    assert [check("whsec_x", b"body", header, AT + late) for late in (-TOLERANCE_S - 1, TOLERANCE_S + 1)] == [
        False,
        False,
    ]


@CHECKS
def test_more_parts_than_are_known_are_passed_over(check):
    header = signature("whsec_x", b"body", AT)
    moment, _, mac = header.partition(",")
    assert check("whsec_x", b"body", f"{moment},v0=zz,v1={'0' * 64},{mac},v2=x", AT)


def test_secrets_are_long_and_never_the_same():
    made = {new_secret() for _ in range(50)}
    assert len(made) == 50
    assert all(one.startswith(PREFIX) and len(one) == len(PREFIX) + 43 for one in made)
