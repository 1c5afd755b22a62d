"""`tosqauyl origination` as an operator uses it: mistakes in the file, keys, a served node, and the self-test against it."""

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from origination_node import CALLED, CALLER, Operators

from tosqauyl.cli import main as command
from tosqauyl.cli import origination
from tosqauyl.config.origination import load_node
from tosqauyl.errors import FileMistakes
from tosqauyl.networks.origination.settings import NodeSettings
from tosqauyl.networks.origination.terms import receiver_of
from tosqauyl.networks.origination.tokens import load_keys, make_key
from tosqauyl.numbers.plan import load_plan

pytestmark = pytest.mark.peers()


FAST = "before_seconds = 1\nskew_ms = 500\nttl_seconds = 20\n"


def main(words: list[str]) -> int:
    return command(["origination", *words])


@pytest.fixture(scope="module")
def operators(tmp_path_factory: pytest.TempPathFactory) -> Operators:
    return Operators(tmp_path_factory.mktemp("operators"))


class Served:
    """A node in a process of its own."""

    def __init__(self, config: Path) -> None:
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tosqauyl", "origination", "serve", "--config", str(config)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
        )  # fmt: skip
        assert self.process.stdout
        self.ready = self.process.stdout.readline().split()

    def end(self) -> tuple[int, str]:
        self.process.send_signal(signal.SIGTERM)
        _, errors = self.process.communicate(timeout=10)
        return self.process.returncode, errors


@pytest.fixture
def served(operators: Operators) -> Iterator[Served]:
    secret = operators.folder / "secret"
    secret.write_text("0123456789abcdef")
    secret.chmod(0o600)
    extra = f'{FAST}[radius]\nlisten = "127.0.0.2:0"\n[[switch]]\nid = "old"\nradius = "127.0.0.4"\nsecret_file = "secret"\n'
    node = Served(operators.write_config("kcell", extra))
    yield node
    if node.process.poll() is None:
        node.end()


def test_hangup_reads_the_keys_anew_and_a_bad_folder_only_alarms(tmp_path: Path) -> None:
    own = Operators(tmp_path)
    node = Served(own.write_config("kcell", FAST))
    newer = own.keys("kcell") / "newer.toml"
    newer.touch(0o644)
    newer.write_text(make_key("beeline", "2026-02"))
    node.process.send_signal(signal.SIGHUP)
    code, told = node.end()
    assert told.startswith("ALARM: the keys of pairs were not loaded anew, the old ones stay")
    assert "others may read a key" in told
    assert code == 0


def selftest_file(operators: Operators, ready: str, **changes: str) -> Path:
    """The node's file as it is after it started: with the address at which it is reached."""
    gate, switch = operators.gate("kcell"), operators.identity("switch.kcell")
    values = {
        "url": ready.replace("https:", "https://"), "ca": gate.ca, "certificate": gate.certificate, "key": gate.key,
        "switch_certificate": switch.certificate, "switch_key": switch.key, "caller": CALLER, "called": CALLED,
    } | changes  # fmt: skip
    table = "".join(f'{name} = "{value}"\n' for name, value in values.items())
    return operators.write_config("kcell", f"{FAST}[selftest]\n{table}")


def test_serve_says_where_it_listens_and_ends_with_0(served: Served) -> None:
    assert served.ready[0] == "ready"
    assert served.ready[1].startswith("https:127.0.0.2:")
    assert served.ready[2].startswith("radius:127.0.0.2:")
    served.process.send_signal(signal.SIGHUP)
    assert served.end() == (0, "")


def test_the_selftest_of_a_good_node_finds_nothing_wrong(
    operators: Operators, capsys: pytest.CaptureFixture[str]
) -> None:
    node = Served(operators.write_config("kcell", FAST))
    try:
        code = main(["selftest", "--config", str(selftest_file(operators, node.ready[1])), "--lang", "en"])
    finally:
        node.end()
    told = capsys.readouterr().out
    assert "the test call is found: yes" in told
    assert "a call that nobody made is denied: no" in told
    assert told.endswith("0 wrong\n")
    assert code == 0
    assert CALLER not in told


def test_the_selftest_says_what_is_wrong(operators: Operators, capsys: pytest.CaptureFixture[str]) -> None:
    node = Served(operators.write_config("kcell", FAST))
    stranger = operators.identity("stranger.nowhere")
    cases = [
        ({"url": "https://127.0.0.2:1"}, "does not answer"),
        ({"caller": CALLED}, "refused the report of the test call: foreign"),
        ({"certificate": stranger.certificate, "key": stranger.key}, "does not let us in"),
        ({"ca": operators.gate("kcell").certificate}, "is not trusted"),
    ]
    try:
        for changes, words in cases:
            code = main(
                ["selftest", "--config", str(selftest_file(operators, node.ready[1], **changes)), "--lang", "en"]
            )
            told = capsys.readouterr().out
            assert words in told
            assert code == 1
    finally:
        node.end()


def test_the_selftest_needs_its_table(operators: Operators, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["selftest", "--config", str(operators.write_config("kcell"))]) == 2
    assert "[selftest]" in capsys.readouterr().err


def test_every_finding_of_the_selftest_has_its_words() -> None:
    source = Path(origination.__file__).parents[1] / "networks" / "origination" / "selftest.py"
    text = source.read_text("utf-8")
    unused = [slug for slug in origination.FOUND if f'"{slug}"' not in text and not slug.startswith("node-")]
    assert unused == []


def test_key_makes_one_file_for_each_side(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [
        "--operator",
        "kcell",
        "--id",
        "2026-01",
        "--keys",
        str(tmp_path / "ours"),
        "--give",
        str(tmp_path / "give"),
    ]
    assert main(["key", "beeline", *words]) == 0
    ours, theirs = load_keys(tmp_path / "ours"), load_keys(tmp_path / "give")
    assert (ours.peers, theirs.peers) == (("beeline",), ("kcell",))
    assert ours.of("beeline")[0].secret == theirs.of("kcell")[0].secret
    for line in capsys.readouterr().out.split():
        assert stat.S_IMODE(Path(line).stat().st_mode) == 0o600
    assert main(["key", "beeline", *words]) == 2
    assert "is there already" in capsys.readouterr().err
    assert main(["key", "kcell", *words]) == 0
    assert load_keys(tmp_path / "ours").peers == ("beeline", "kcell")


@pytest.mark.parametrize("words", [["../x"], ["beeline", "--id", "../x"], ["beeline", "--operator", "A B"]])
def test_key_writes_nothing_under_a_strange_name(
    tmp_path: Path, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["key", "--operator", "kcell", *words]) == 2
    assert list(tmp_path.rglob("*")) == []


def test_a_file_without_mistakes_becomes_settings(operators: Operators) -> None:
    path = operators.write_config("kcell", "[limits]\nrecords = 5000\n")
    settings = load_node(path.read_text(), str(path))
    expected = operators.settings("kcell", records=5000)
    expected = replace(expected, server=replace(expected.server, admins=()))
    assert settings == expected


MISTAKES = """operator = "kcell"
listen = "nowhere"
lisen = "x"
[tls]
certificate = "node.pem"
[[member]]
name = "beeline"
certificate = "same.example"
urls = ["http://beeline.example"]
[[switch]]
id = "a"
[[switch]]
id = "a"
radius = "not an address"
certificate = "same.example"
[redis]
url = "http://user:password@x"
[times]
ttl_seconds = 20
skew_ms = 9000
[selftest]
url = "https://a:1"
"""


def test_every_mistake_is_told_with_its_line() -> None:
    with pytest.raises(FileMistakes) as wrong:
        load_node(MISTAKES, "node.toml")
    told = str(wrong.value)
    for line, words in (
        (2, "listen: 'nowhere' is no address"),
        (3, "did you mean listen?"),
        (4, "tls.key: is missing"),
        (4, "tls.client_ca: is missing"),
        (9, "member[0].urls: this is no address"),
        (10, "switch[0].certificate: is missing"),
        (13, "switch[1].id: 'a' is used twice"),
        (14, "switch[1].radius: is no address"),
        (14, "switch[1].radius: is never heard"),
        (12, "switch[1].secret_file: is missing"),
        (17, "redis.url: is no redis://"),
        (16, "redis.node: is not one of redis.nodes"),
        (19, "times.ttl_seconds: a record must live for"),
        (21, "selftest.caller: is missing"),
    ):
        assert any(one.line == line and words in f"{one.what} {one.hint}" for one in wrong.value.mistakes), words
    assert "is also that of member 'beeline'" in told
    assert "password" not in told


def test_a_member_with_two_certificates_receives_what_either_entry_says(operators: Operators) -> None:
    member = '[[member]]\nname = "t2"\ncertificate = "{}"\n{}'
    path = operators.write_config(
        "kcell", member.format("a.t2.test", 'receives = ["t2", "fixed"]\n') + member.format("b.t2.test", "")
    )
    askers = load_node(path.read_text(), str(path)).ledger.askers
    assert askers["fixed"] == ("t2",)
    assert "t2" in askers["t2"]


def test_the_address_of_a_redis_is_never_repeated(operators: Operators, capsys: pytest.CaptureFixture[str]) -> None:
    redis = '[redis]\nurl = "redis://ledger:pass/word@127.0.0.1:6379"\nnode = "a"\nnodes = ["a"]\n'
    assert main(["serve", "--config", str(operators.write_config("kcell", redis))]) == 2
    told = capsys.readouterr().err
    assert "redis.url: is no address of a Redis" in told
    assert "word" not in told.replace("PASSWORD", "").replace("password", "")


def test_the_example_of_deploy_asks_itself_about_a_call_that_is_kept_for_it(tmp_path: Path) -> None:
    settings = example(tmp_path)
    assert settings.selftest is not None
    receiver = receiver_of(load_plan().read(settings.selftest.called))
    assert settings.server.operator in settings.ledger.askers[receiver]


def test_the_example_of_deploy_has_no_mistake_but_its_secret(tmp_path: Path) -> None:
    settings = example(tmp_path)
    assert settings.ledger.switches == ("msc-1", "msc-2")
    assert "5ec2e7" not in repr(settings)


def test_a_secret_of_radius_that_others_may_read_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(FileMistakes, match="others may read a key") as wrong:
        example(tmp_path, 0o644)
    assert [mistake.line for mistake in wrong.value.mistakes] == [31]
    assert "5ec2e7" not in str(wrong.value)


def example(tmp_path: Path, mode: int = 0o600) -> NodeSettings:
    file = Path(__file__).resolve().parents[2] / "deploy" / "origination" / "origination.toml"
    (tmp_path / "secrets").mkdir()
    secret = tmp_path / "secrets" / "msc-2"
    secret.write_text("5ec2e7" * 6)
    secret.chmod(mode)
    return load_node(file.read_text("utf-8"), str(tmp_path / "origination.toml"))
