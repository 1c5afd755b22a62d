"""`check`, `policy` and `number` as a person or a script uses them."""

import json

import pytest

from tosqauyl.cli import main
from tosqauyl.policy.load import load_shipped


def run(capsys, *words: str) -> tuple[int, str]:
    code = main(list(words))
    return code, capsys.readouterr().out


def law_of(rule: str) -> dict[str, str]:
    return next(dict(one.law) for one in load_shipped().rules if one.id == rule)


def test_check_of_a_spoofed_fixed_line_says_stop_and_exits_1(capsys):
    code, out = run(capsys, "check", "--from", "+77172123456", "--to", "+77017654321", "--enforce", "--json")
    found = json.loads(out)
    assert (code, found["verdict"], found["reason"]) == (1, "stop", "fixed-from-abroad")
    assert found["answer"]["status"] == 603
    assert found["facts"]["presented_kind"] == "fixed"


def test_check_in_monitor_mode_passes_and_says_what_would_have_been(capsys):
    code, out = run(capsys, "check", "--from", "+77172123456", "--json")
    found = json.loads(out)
    assert (code, found["verdict"], found["would"]["verdict"]) == (0, "pass", "stop")


@pytest.mark.parametrize(("language", "word"), [("kk", "тоқтатылды"), ("ru", "остановлен"), ("en", "stopped")])
def test_check_speaks_three_languages(capsys, language, word):
    _, out = run(capsys, "check", "--from", "102", "--enforce", "--lang", language)
    assert word in out.lower()


def test_check_reads_an_invite_from_a_file(capsys, tmp_path):
    message = tmp_path / "invite.sip"
    message.write_bytes(
        b"INVITE sip:+77017654321@gate SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:1414@h>;tag=1\r\n"
        b"To: <sip:+77017654321@gate>\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\n\r\n"
    )
    code, out = run(capsys, "check", "--sip", str(message), "--enforce", "--json")
    assert (code, json.loads(out)["facts"]["caller"]) == (1, "1414")


def test_check_with_a_scripted_home_network_does_not_wait(capsys, tmp_path):
    (tmp_path / "script.toml").write_text('[[number]]\nnumber = "+77012222222"\nanswer = "home"\ndelay = 0.2\n')
    (tmp_path / "gate.toml").write_text(
        'enforce = true\n[home_network]\nprovider = "scripted"\nscript = "script.toml"\n'
        '[[trunk]]\nid = "one"\nlisten = "udp:127.0.0.1:5060"\nfrom = ["127.0.0.1"]\ndirection = "international"\n'
    )
    code, out = run(
        capsys, "check", "--config", str(tmp_path / "gate.toml"), "--trunk", "one", "--from", "+77012222222", "--json"
    )
    assert (code, json.loads(out)["reason"]) == (1, "mobile-at-home")


@pytest.mark.parametrize(
    ("number", "code"), [("+77172123456", 0), ("8 (701) 123-45-67", 0), ("+78191234567", 1), ("hello", 1)]
)
def test_number_exits_1_for_what_nobody_has(capsys, number, code):
    assert run(capsys, "number", number)[0] == code


def test_number_explains_with_sources(capsys):
    _, out = run(capsys, "number", "+77172123456", "--json")
    found = json.loads(out)
    assert (found["kind"], found["country"]) == ("fixed", "KZ")
    assert all(step["text"] for step in found["steps"])


def test_the_shipped_policy_has_no_warnings(capsys):
    code, out = run(capsys, "policy", "check", "--json")
    assert (code, json.loads(out)["warnings"]) == (0, [])


@pytest.mark.parametrize("language", ["kk", "ru", "en"])
def test_every_shipped_rule_is_explained_in_three_languages(capsys, language):
    code, out = run(capsys, "policy", "explain", "--lang", language)
    assert code == 0
    for rule in load_shipped().rules:
        assert rule.id in out
        assert rule.law[language] in out


def test_programs_get_the_law_of_a_rule_in_three_languages(capsys):
    _, out = run(capsys, "policy", "explain", "--rule", "kz-fixed-abroad", "--json")
    assert json.loads(out)[0]["law"] == law_of("kz-fixed-abroad")


@pytest.mark.parametrize("language", ["kk", "ru", "en"])
def test_check_tells_the_law_in_the_language_that_was_asked_for(capsys, language):
    _, out = run(capsys, "check", "--from", "102", "--lang", language)
    assert law_of("kz-emergency-caller")[language] in " ".join(out.split())


def test_a_policy_with_mistakes_tells_all_of_them_and_exits_2(capsys, tmp_path):
    policy = tmp_path / "mine.toml"
    policy.write_text(
        '[policy]\nname = "x"\ndated = 2026-01-01\n[[rule]]\nid = "a"\nwhen = "direction = \'abroad\'"\nverdict = "kill"\n'
    )
    assert main(["policy", "check", str(policy)]) == 2
    told = capsys.readouterr().err
    assert "mine.toml:6" in told
    assert "mine.toml:7" in told


@pytest.mark.parametrize(
    "words",
    [
        ["check", "--config", "/does/not/exist"],
        ["check", "--trunk", "nowhere", "--from", "1"],
        ["check", "--sip", "/does/not/exist"],
        ["policy", "explain", "--rule", "no-such-rule"],
        ["serve"],
        ["serve", "--listen", "sctp:127.0.0.1:1"],
        ["serve", "--listen", "udp:127.0.0.1:1", "--from", "nonsense"],
        ["serve", "--listen", "udp:127.0.0.1:1", "--http", "0.0.0.0:80"],
    ],
)
def test_what_a_person_can_mend_is_one_message_and_exit_code_2(capsys, words):
    assert main(words) == 2
    told = capsys.readouterr().err
    assert told.startswith("tosqauyl: ")
    assert "Traceback" not in told
