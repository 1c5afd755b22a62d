"""Whom the gate may ask, as a person writes it down."""

import pytest

from tosqauyl.config.load import load_config
from tosqauyl.errors import FileMistakes
from tosqauyl.networks.camara.options import CamaraOptions
from tosqauyl.networks.redis_options import RedisOptions
from tosqauyl.networks.sh.options import ShOptions

TRUNK = """
[[trunk]]
id = "border"
listen = "udp:127.0.0.1:5060"
from = ["127.0.0.1/32"]
direction = "international"
next_hop = "sender"
"""
ASKS = '[home_network]\nprovider = "networks"\n'
CAMARA = '[[home]]\noperator = "kcell"\nway = "camara"\nurl = "https://api.kcell.example/roaming/v1"\n'
SH = (
    '[[home]]\noperator = "beeline"\nway = "sh"\nurl = "aaa://hss.beeline.example:3870"\n'
    'origin_host = "gate.example"\norigin_realm = "example"\ndestination_realm = "beeline.example"\n'
)
REDIS = '[[home]]\noperator = "t2"\nway = "redis"\nurl = "redis://127.0.0.1:6379/0"\n'
LEDGER = '[[ledger]]\noperator = "kcell"\nurls = ["https://ledger.kcell.example:8443"]\n'
MEMBER = '[member]\noperator = "t2"\nkeys = "keys"\nca = "ca.pem"\ncertificate = "t2.pem"\nkey = "t2.key"\n'


def networks(text):
    return load_config(ASKS + text + TRUNK, "/etc/tosqauyl/gate.toml").networks


def mistakes(text):
    with pytest.raises(FileMistakes) as caught:
        load_config(text + TRUNK, "gate.toml")
    return [(one.line, one.what) for one in caught.value.mistakes]


def test_each_way_gets_the_options_of_its_own_kind():
    kcell, beeline, t2 = networks(CAMARA + SH + REDIS).homes
    assert isinstance(kcell.options, CamaraOptions)
    assert isinstance(beeline.options, ShOptions)
    assert isinstance(t2.options, RedisOptions)
    assert (beeline.options.host, beeline.options.port) == ("hss.beeline.example", 3870)
    assert [home.operator for home in (kcell, beeline, t2)] == ["kcell", "beeline", "t2"]


def test_diameter_over_tls_has_a_port_of_its_own():
    text = SH.replace(":3870", "").replace("aaa:", "aaas:") + 'ca = "hss.pem"\n'
    assert [networks(one).homes[0].options.port for one in (SH.replace(":3870", ""), text)] == [3868, 5658]


def test_files_are_found_beside_the_configuration():
    (kcell,) = networks(CAMARA + 'token_file = "kcell.token"\nca = "kcell.pem"\n').homes
    assert (kcell.options.token_file, kcell.options.ca) == ("/etc/tosqauyl/kcell.token", "/etc/tosqauyl/kcell.pem")


def test_how_long_an_answer_counts_can_be_said():
    (kcell,) = networks(CAMARA + "home_keep_seconds = 5\nabroad_keep_seconds = 7\nhome_fresh_seconds = 9\n").homes
    assert (kcell.desk.cache.home, kcell.desk.cache.abroad, kcell.desk.cache.home_fresh) == (5.0, 7.0, 9.0)


def test_a_ledger_needs_to_know_who_asks():
    found = networks(LEDGER + MEMBER)
    assert (found.ledgers[0].urls, found.member.operator) == (("https://ledger.kcell.example:8443",), "t2")
    assert [what for _, what in mistakes(ASKS + LEDGER)] == [
        f"member.{name}: is missing" for name in ("operator", "keys", "ca", "certificate", "key")
    ]


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        (CAMARA + 'domain = "cs"\n', 7, 'home[0].domain: belongs to way = "sh"'),
        (CAMARA.replace("https", "redis"), 6, "home[0].url: has another scheme than its way"),
        (CAMARA.replace('"camara"', '"telex"'), 5, "home[0].way: telex is not one of camara, sh, redis"),
        (SH.replace('origin_host = "gate.example"\n', ""), 3, "home[0].origin_host: is missing"),
        (SH.replace("3870", "99999"), 6, "home[0].url: has a port that is none"),
        (SH.replace("hss.beeline.example", "[::1"), 6, "home[0].url: is no address"),
        (SH.replace("hss.beeline.example", ""), 6, "home[0].url: names no host"),
        (SH.replace("aaa:", "aaas:"), 3, "home[0].ca: is missing"),
        (SH + 'ca = "hss.pem"\n', 10, "home[0].ca: does nothing without TLS"),
        (REDIS + 'certificate = "us.pem"\nkey = "us.key"\n', 7, "home[0].certificate: does nothing without TLS"),
        (LEDGER.replace("ledger.kcell", "[::1") + MEMBER, 5, "ledger[0].urls: is no list of https:// addresses"),
        (CAMARA + CAMARA, 8, "home[1].operator: 'kcell' is asked in two ways"),
        (CAMARA + 'client_id = "us"\n', 3, "home[0].token_url: go together"),
        (LEDGER.replace("https", "http") + MEMBER, 5, "ledger[0].urls: is no list of https:// addresses"),
        (LEDGER + LEDGER + MEMBER, 7, "ledger[1].operator: 'kcell' is there twice"),
        (LEDGER + 'fixed = ["+7*"]\n' + MEMBER, 6, "ledger[0].fixed: "),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_line(text, line, what):
    assert any(one == line and told.startswith(what) for one, told in mistakes(ASKS + text))


def test_networks_that_nobody_would_ask_are_a_mistake_and_so_is_nobody_to_ask():
    assert mistakes(CAMARA) == [(0, "home_network.provider: leaves the networks unasked")]
    assert mistakes(ASKS) == [(2, "home_network.provider: has nobody to ask")]
