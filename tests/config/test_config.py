"""One file, every mistake at once."""

import pytest

from tosqauyl.config.load import load_config, parse_http, parse_listen
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
listen = "0.0.0.0:80"
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
listen = "tcp:127.0.0.1:5060"
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
    "text", ["udp:127.0.0.1", "udp::5060", "tcp:127.0.0.1:5060", "udp:127.0.0.1:99999", "5060", ""]
)
def test_what_is_no_listening_address_says_how_one_is_written(text):
    with pytest.raises(TosqauylError, match="write udp:HOST:PORT"):
        parse_listen(text)


def test_an_ipv6_address_may_be_listened_on():
    assert parse_listen("udp:[::1]:5060") == ("::1", 5060)


@pytest.mark.parametrize("text", ["0.0.0.0:80", "192.0.2.1:80", "[2001:db8::1]:80"])
def test_the_health_page_stays_on_loopback(text):
    with pytest.raises(TosqauylError, match="not on loopback"):
        parse_http(text)
    assert parse_http("127.0.0.1:0") == ("127.0.0.1", 0)
