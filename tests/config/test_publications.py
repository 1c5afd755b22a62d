"""Which office a gate follows, as a person writes it down."""

import pytest

from tosqauyl.config.load import default_config, load_config
from tosqauyl.errors import FileMistakes
from tosqauyl.networks.office.terms import OfficeOptions

TRUNK = """
[[trunk]]
id = "border"
listen = "udp:127.0.0.1:5060"
from = ["127.0.0.1/32"]
direction = "international"
next_hop = "sender"
"""
WEB = '[publications]\nurl = "https://office.example"\ntoken_file = "gate.token"\n'


def publications(text):
    return load_config(text + TRUNK, "/etc/tosqauyl/gate.toml").publications


def mistakes(text):
    with pytest.raises(FileMistakes) as caught:
        load_config(text + TRUNK, "gate.toml")
    return [(one.line, one.what) for one in caught.value.mistakes]


def test_a_gate_follows_nobody_unless_told_to():
    assert publications("").office.source == default_config().publications.office.source == ""


def test_files_are_found_beside_the_configuration():
    found = publications(WEB + 'ca = "ca.pem"\nstale_minutes = 5\n')
    assert found.office == OfficeOptions("https://office.example", "/etc/tosqauyl/gate.token", "/etc/tosqauyl/ca.pem")
    assert (found.office.source, found.stale_minutes) == ("office", 5)


def test_a_folder_is_enough():
    found = publications('[publications]\nfolder = "from-office"\n')
    assert (found.office.source, found.office.folder) == ("folder", "/etc/tosqauyl/from-office")
    assert found.stale_minutes == 15


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        (WEB + 'folder = "x"\n', 4, "publications.folder: stands beside a url"),
        ('[publications]\nurl = "https://office.example"\n', 1, "publications.token_file: is missing"),
        ('[publications]\nurl = "office.example"\ntoken_file = "t"\n', 2, "publications.url: is no https:// address"),
        (
            '[publications]\nurl = "ftp://office.example"\ntoken_file = "t"\n',
            2,
            "publications.url: is no https:// address",
        ),
        ('[publications]\nfolder = "x"\nca = "ca.pem"\n', 3, "publications.ca: does nothing without a url"),
        (
            '[publications]\nfolder = "x"\nstale_minutes = 0\n',
            3,
            "publications.stale_minutes: 0 is not between 1 and 10080",
        ),
        ('[publications]\nfolde = "x"\n', 2, "publications.folde: is no key that is known"),
        ("publications = 1\n", 1, "publications: is not a table"),
    ],
)
def test_mistakes_are_told_with_their_line(text, line, what):
    assert (line, what) in mistakes(text)
