"""One file, every mistake at once."""

import pytest

from tosqauyl.config.addresses import parse_listen
from tosqauyl.config.load import load_config
from tosqauyl.errors import FileMistakes, TosqauylError
from tosqauyl.facts import Verdict

GOOD = """
data = "here"
enforce = true
[http]
listen = "127.0.0.1:0"
[subscribers]
complete = ["kcell"]
[numbers]
msrn = ["+77019900000-+77019900999"]
[failure]
provider_timeout = "mark"
[failure.force]
kinds = ["policy_raised"]
[sip]
trying_after_ms = 150
[[profile]]
name = "sbc-a"
pass = 404
[[trunk]]
id = "one"
listen = "udp:127.0.0.1:5060"
from = ["127.0.0.1/32"]
direction = "international"
profile = "sbc-a"
trust = ["asserted"]
ranges = ["+7717*"]
next_hop = "10.0.0.1"
"""

TEN = """
data = 5
enforce = "yes"
colour = "red"
[http]
listen = "somewhere"
[sip]
trying_after_ms = 0
[failure]
provider_timeout = "explode"
[failure.force]
kinds = ["nothing_known"]
[[profile]]
name = "a"
pass = 301
[[trunk]]
id = "one"
listen = "sctp:127.0.0.1:5060"
from = ["127.0.0.1/99"]
direction = "sideways"
profile = "b"
rangez = []
"""


def test_a_good_file_gives_each_room_its_options():
    config = load_config(GOOD, "/etc/gate.toml")
    (entry,) = config.entries
    assert (config.data, config.enforce, config.complete) == ("/etc/here", True, ("kcell",))
    assert (entry.profile.pass_code, entry.next_hop, entry.trunk.trusts_asserted) == (404, "10.0.0.1", True)
    assert "+77172000000" in entry.trunk.ranges
    assert config.failure.actions["provider_timeout"] is Verdict.MARK
    assert config.failure.forced == {"policy_raised"}
    assert config.sip.trying_after == 0.15
    assert "+77019900001" in config.msrn


def test_every_mistake_is_told_at_once_with_its_line():
    with pytest.raises(FileMistakes) as caught:
        load_config(TEN, "gate.toml")
    told = {mistake.what.partition(":")[0]: mistake.line for mistake in caught.value.mistakes}
    lines = TEN.splitlines()
    assert len(told) == 13
    for path, line in told.items():
        assert path.rpartition(".")[2] in lines[line - 1], (path, line)


def test_a_wrong_key_is_told_with_the_right_one():
    with pytest.raises(FileMistakes, match="did you mean ranges"):
        load_config(TEN, "gate.toml")


def test_what_is_no_toml_is_told_with_line_and_column():
    with pytest.raises(FileMistakes, match=r"gate.toml:2:\d+: not TOML"):
        load_config("data = 'x'\nenforce = = 1\n", "gate.toml")


def test_a_file_without_a_trunk_is_a_mistake():
    with pytest.raises(FileMistakes, match="no \\[\\[trunk\\]\\]"):
        load_config("enforce = true\n", "gate.toml")


def test_a_missing_key_is_told_with_its_meaning():
    with pytest.raises(FileMistakes, match="from: is missing"):
        load_config('[[trunk]]\nid = "a"\nlisten = "udp:127.0.0.1:1"\n', "gate.toml")


@pytest.mark.parametrize(
    "text", ["udp:127.0.0.1", "udp::5060", "sctp:127.0.0.1:5060", "udp:127.0.0.1:99999", "5060", ""]
)
def test_what_is_no_listening_address_says_how_one_is_written(text):
    with pytest.raises(TosqauylError, match="write udp:HOST:PORT"):
        parse_listen(text)


def test_an_ipv6_address_may_be_listened_on():
    assert parse_listen("udp:[::1]:5060") == ("udp", "::1", 5060)


@pytest.mark.parametrize("text", ["tcp:127.0.0.1:5060", "tls:127.0.0.1:5061", "http"])
def test_calls_may_come_by_each_way_in(text):
    assert parse_listen(text).transport == text.partition(":")[0]


MENDABLE = [
    ("[tls]\ncertificate = 'a.pem'\n", "tls.key", "go together"),
    ("[[client]]\nid = 'a'\nscopes = ['metrics']\n", "client[0].token", "token or by a certificate"),
    ("[[client]]\nid = 'a'\nscopes = ['metrics']\ntoken = 'hunter2'\n", "client[0].token", "tosqauyl token"),
    ("[[client]]\nid = 'a'\nscopes = ['feed']\ntoken = 'sha256:" + 64 * "0" + "'\n", "client[0].operator", "one operator"),
    ("[[client]]\nid = 'a'\nscopes = ['steer']\ntoken = 'sha256:" + 64 * "0" + "'\n", "client[0].scopes", "screen, feed, metrics"),
    ("[[client]]\nid = 'a'\nscopes = ['screen']\ncertificate = 'pbx.kz'\n", "client[0].certificate", "client_ca"),
    ("[[client]]\nid = 'a'\nscopes = ['screen']\ntoken = 'sha256:" + 64 * "0" + "'\ntrunks = ['two']\n",
     "client[0].trunks", "'two'"),
    ("[[mode]]\nrule = 'a'\nmode = 'canary'\n", "mode[0].on", "When"),
    ("[[mode]]\nrule = 'a'\nmode = 'sometimes'\non = 2026-01-01\n", "mode[0].mode", "sometimes"),
    ("[[mode]]\nrule = 'a'\nmode = 'off'\non = '2026-01-01'\n", "mode[0].on", "not of type date"),
    ("[[trunk]]\nid = 'b'\nlisten = 'tls:127.0.0.1:5061'\nfrom = ['127.0.0.1']\n", "trunk[1].listen", "tls.certificate"),
    ("[[trunk]]\nid = 'b'\nlisten = 'udp:127.0.0.1:5062'\nfrom = ['127.0.0.1']\ncertificate = 'x'\n",
     "trunk[1].certificate", "means nothing on udp"),
]  # fmt: skip


@pytest.mark.parametrize(("added", "path", "said"), MENDABLE)
def test_what_does_not_fit_together_is_told_with_its_place(added, path, said):
    with pytest.raises(FileMistakes) as caught:
        load_config(GOOD + added, "gate.toml")
    mistakes = [mistake for mistake in caught.value.mistakes if mistake.what.startswith(path)]
    assert mistakes, caught.value
    assert said in f"{mistakes[0].what} {mistakes[0].hint}"
    assert mistakes[0].line


def test_a_token_that_is_wrong_is_not_repeated_in_the_message():
    with pytest.raises(FileMistakes) as caught:
        load_config(GOOD + "[[client]]\nid = 'a'\nscopes = ['metrics']\ntoken = 'hunter2'\n", "gate.toml")
    assert "hunter2" not in str(caught.value)


def test_clients_modes_and_bounds_are_read():
    config = load_config(
        GOOD
        + "[[client]]\nid = 'kcell'\nscopes = ['feed']\noperator = 'kcell'\ntoken = 'sha256:" + 64 * "a" + "'\n"
        + "[[mode]]\nrule = 'kz-letters'\nmode = 'canary'\npercent = 5\nreason = 'x'\nby = 'y'\non = 2026-11-01\n"
        + "[streams]\nidle_seconds = 60\n[rates]\non = false\n[overload]\nqueue_percent = 50\n[feeds]\nstale_hours = 6\n",
        "gate.toml",
    )  # fmt: skip
    assert (config.clients[0].operator, config.modes[0].percent, config.streams.idle_seconds) == ("kcell", 5, 60.0)
    assert (config.rates.on, config.overload.queue_percent, config.feeds.stale_hours) == (False, 50, 6)
