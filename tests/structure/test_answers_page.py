"""docs/answers.md says what the gate does: the headers it makes are the ones on the page."""

import json
from pathlib import Path

import pytest

from tosqauyl.cli import main
from tosqauyl.facts import UNKNOWN_CALL, Reason, Verdict
from tosqauyl.gate.answer import STOP_CODES, Profile, changes, header_changes, template
from tosqauyl.screen.decision import Decision

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "answers.md").read_text(encoding="utf-8")
CALL = UNKNOWN_CALL._replace(caller="+77010000001")
PROFILE = Profile(label="<label>", redress_url="<url>", redress_tel="<tel>", redress_email="<email>")


def decision(verdict: Verdict, klass: str = "deterministic") -> Decision:
    reason = Reason.FIXED_FROM_ABROAD
    return Decision(verdict, reason, "rule", klass, 1, verdict, reason, "rule")


def lines(headers: str) -> list[str]:
    return [line.replace("fixed-from-abroad", "<reason>") for line in headers.split("\r\n") if line]


@pytest.mark.parametrize("code", STOP_CODES)
def test_stop_headers_are_on_the_page(code: str) -> None:
    profile = Profile(
        deterministic=code, redress_url="<url>", redress_tel="<tel>", redress_email="<email>", jcard_url="<url>"
    )
    made = template(decision(Verdict.STOP), profile)
    row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{code}`"))
    assert f"`{made.status} {made.phrase}`" in row
    # A value in angle brackets on the page is one to fill in; Call-Info has brackets of its own.
    assert [line for line in lines(made.extra.replace("<<url>>", "<url>")) if line not in row] == []


def test_603_plus_and_608_need_a_redress_contact() -> None:
    for code in ("603+", "608"):
        made = template(decision(Verdict.STOP), Profile(deterministic=code))
        assert (made.status, made.phrase) == (603, "Decline")


@pytest.mark.parametrize("code", [404, 503])
def test_pass_headers_are_on_the_page(code: int) -> None:
    made = template(
        Decision(Verdict.PASS, Reason.NONE, "", "", 0, Verdict.PASS, Reason.NONE, ""), Profile(pass_code=code)
    )
    row = next(line for line in PAGE.splitlines() if f"profile `pass = {code}`" in line)
    assert f"`{made.status} {made.phrase}`" in row
    assert f"`{lines(made.extra)[0]}`" in row


def test_monitor_header_is_on_the_page() -> None:
    watched = Decision(
        Verdict.PASS, Reason.NONE, "", "", 1, Verdict.STOP, Reason.FIXED_FROM_ABROAD, "<rule id>"
    )  # fmt: skip
    assert template(watched, Profile()).extra.strip() in PAGE


@pytest.mark.parametrize(
    ("verdict", "klass"),
    [(Verdict.MARK, "deterministic"), (Verdict.MARK, "analytic"), (Verdict.WITHHOLD, "deterministic")],
)
def test_changes_are_on_the_page(verdict: Verdict, klass: str) -> None:
    made = decision(verdict, klass)
    for line in lines(header_changes(made, CALL, PROFILE)):
        assert f"`{line}`" in PAGE
    for name in changes(made, CALL, PROFILE):
        assert f"`changes.{name}`" in PAGE


def test_fields_of_check_in_json_are_on_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    main(["check", "--from", "+77172000000", "--to", "+77010000001", "--json"])
    for name, value in json.loads(capsys.readouterr().out).items():
        inner = value if name in ("would", "answer") else {}
        assert [f"`{name}.{part}`" for part in inner if f"`{name}.{part}`" not in PAGE] == []
        assert inner or f"`{name}`" in PAGE
