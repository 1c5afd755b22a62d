"""A mode set in the configuration, as `check` and `policy explain` tell of it."""

import json

import pytest

from tosqauyl.cli import main
from tosqauyl.policy.canary import bucket

TRUNK = '[[trunk]]\nid = "one"\nlisten = "udp:127.0.0.1:5060"\nfrom = ["127.0.0.1"]\ndirection = "international"\n'
MODE = '[[mode]]\nrule = "{rule}"\nmode = "{mode}"\npercent = {percent}\nreason = "{reason}"\nby = "desk"\non = 2026-11-20\n'
CHOSEN = next(number for number in (f"+771721234{n:02d}" for n in range(100)) if bucket(number) < 50)
WATCHED = next(number for number in (f"+771721234{n:02d}" for n in range(100)) if bucket(number) >= 50)


@pytest.fixture
def config(tmp_path):
    def write(**values):
        path = tmp_path / "gate.toml"
        plain = {"rule": "kz-fixed-abroad", "mode": "canary", "percent": 50, "reason": "a month of watching it"}
        path.write_text(TRUNK + MODE.format(**(plain | values)))
        return str(path)

    return write


@pytest.mark.parametrize(("number", "code", "holds"), [(CHOSEN, 1, True), (WATCHED, 0, False)])
def test_check_says_whether_a_canary_holds_for_this_caller(capsys, config, number, code, holds):
    assert main(["check", "--config", config(), "--from", number, "--json"]) == code
    found = json.loads(capsys.readouterr().out)
    hit = next(rule for rule in found["rules_hit"] if rule["id"] == "kz-fixed-abroad")
    assert (hit["mode"], hit["percent"], hit["holds"]) == ("canary", 50, holds)
    main(["check", "--config", config(), "--from", number, "--lang", "en"])
    words = "this one among them" if holds else "this one is only watched"
    assert f"canary for 50% of callers, {words}" in capsys.readouterr().out


def test_an_analytic_rule_is_not_enforced_by_the_configuration_without_a_reason(capsys, config):
    code = main(["check", "--config", config(rule="kz-sequential", reason=""), "--from", CHOSEN])
    assert code == 2
    told = capsys.readouterr().err
    assert "kz-sequential: an analytic rule cannot be enforced for a share of callers without a recorded reason" in told


def test_explain_tells_share_and_reason_in_three_languages(capsys, tmp_path):
    text = (tmp_path / "own.toml").resolve()
    rule = (
        '[policy]\nname = "own"\ndated = 2026-02-20\n[[rule]]\nid = "r"\nwhen = "redirections > 5"\nverdict = "mark"\n'
        'reason = "custom"\nclass = "analytic"\ntier = "screen"\nmode = "canary"\npercent = 5\nlaw = "l"\nwhy_mode = "w"\n'
        'text = {kk = "а", ru = "б", en = "c"}\n[rule.evidence]\nreason = "a month of watching it"\nby = "desk"\non = 2026-11-20\n'
    )
    text.write_text(rule, "utf-8")
    for language, words in (
        ("en", ("5% of callers", "Recorded reason: a month of watching it (desk, 2026-11-20)")),
        ("ru", ("5% вызывающих", "Записанное основание: a month")),
        ("kk", ("шалушылардың 5%", "Жазылған себебі: a month")),
    ):
        assert main(["policy", "explain", str(text), "--lang", language]) == 0
        told = capsys.readouterr().out
        assert all(word in told for word in words), told
    main(["policy", "explain", str(text), "--json"])
    assert json.loads(capsys.readouterr().out)[0]["evidence"]["by"] == "desk"
