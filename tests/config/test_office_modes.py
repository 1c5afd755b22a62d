"""The office's modes beside the gate's own: which word counts, and what becomes of a damaged file."""

import json
from dataclasses import replace

import pytest

from tosqauyl.cli.build import built_of, policy_in_modes
from tosqauyl.cli.modes_now import ModesNow
from tosqauyl.config.load import default_config, load_config, with_changes
from tosqauyl.config.modes_file import Change, SetMode, promote_mode, retract_mode
from tosqauyl.config.office_modes import FILE, joined, read_office_modes, set_mode, write_office_modes
from tosqauyl.config.publications import PublicationsOptions
from tosqauyl.errors import FileMistakes
from tosqauyl.networks.office.modes import read_document
from tosqauyl.policy.load import load_shipped
from tosqauyl.policy.modes import standing

RULE = "kz-fixed-abroad"
POLICY = load_shipped()
MADE_FOR = standing(next(rule for rule in POLICY.rules if rule.id == RULE))
PROMOTED = {
    "rule": RULE, "mode": "canary", "percent": 20, "reason": "back-test bt-0123456789ab: would have decided 400",
    "by": "user:aida, approved by user:daniyar", "on": "2026-11-30", "report": "bt-0123456789ab", "made_for": MADE_FOR,
    "since": 1_796_022_000, "tested": {"calls": 1_000_000, "seconds": 2_678_400, "decides": 400, "known_good": 0, "roamers": 0},
}  # fmt: skip
RETRACTED = PROMOTED | {
    "mode": "monitor",
    "percent": 0,
    "report": "",
    "reason": "retracted at 2026-11-30T07:00:00Z: a hotel",
}
FOLLOWS = PublicationsOptions(modes=True)
CONFIG = '[[trunk]]\nid = "one"\nlisten = "udp:127.0.0.1:5060"\nfrom = ["127.0.0.1/32"]\n'


def text_of(*modes):
    return json.dumps({"format": 1, "office": "ab" * 16, "revision": 3, "modes": list(modes)}).encode()


def of_office(said) -> SetMode:
    (one,) = read_document(text_of(said)).modes
    return set_mode(one)


def own(said, **more) -> SetMode:
    return replace(of_office(said), by="fraud desk", **more)


@pytest.fixture
def config(tmp_path):
    return with_changes(default_config(), data=str(tmp_path), publications=FOLLOWS)


def mode_in(config):
    rule = next(rule for rule in policy_in_modes(config).rules if rule.id == RULE)
    return rule.mode, rule.percent


def put(config, tmp_path, mine):
    change = Change("promote", RULE, "", "", mine, "fraud desk", 0, 1.0)
    promote_mode(tmp_path, change, None) if not mine.is_retraction else retract_mode(tmp_path, change)


def test_a_promotion_of_the_office_holds_where_its_modes_are_followed(config, tmp_path):
    write_office_modes(tmp_path, text_of(PROMOTED))
    assert mode_in(config) == ("canary", 20)
    assert mode_in(replace(config, publications=PublicationsOptions())) == ("monitor", 0)


def test_one_of_another_content_of_the_rule_does_not(config, tmp_path):
    write_office_modes(tmp_path, text_of(PROMOTED | {"made_for": "000000000000 monitor"}))
    assert mode_in(config) == ("monitor", 0)


def test_the_configuration_is_not_overruled_by_a_promotion_and_is_by_a_retraction(config, tmp_path):
    told = load_config(CONFIG + f'[[mode]]\nrule = "{RULE}"\nmode = "enforce"\non = 2026-11-20\n', "gate.toml").modes
    config = replace(config, modes=told)
    write_office_modes(tmp_path, text_of(PROMOTED))
    assert mode_in(config) == ("enforce", 0)
    write_office_modes(tmp_path, text_of(RETRACTED))
    assert mode_in(config) == ("monitor", 0)
    write_office_modes(tmp_path, text_of(PROMOTED))
    off = load_config(CONFIG + f'[[mode]]\nrule = "{RULE}"\nmode = "off"\non = 2026-11-20\n', "gate.toml").modes
    assert mode_in(replace(config, modes=off)) == ("off", 0)


@pytest.mark.parametrize(
    ("mine", "theirs", "counts"),
    [
        (own(PROMOTED, since=1_796_022_001, percent=5), PROMOTED, ("canary", 5)),
        (own(PROMOTED, since=1_796_021_999, percent=5), PROMOTED, ("canary", 20)),
        (own(PROMOTED, percent=5), PROMOTED, ("canary", 5)),
        (own(PROMOTED, since=1_796_099_999), RETRACTED, ("monitor", 0)),
        (own(RETRACTED, since=1), PROMOTED, ("monitor", 0)),
        (own(RETRACTED), RETRACTED, ("monitor", 0)),
    ],
)
def test_a_retraction_of_either_side_wins_and_of_two_promotions_the_later_one(mine, theirs, counts, config, tmp_path):
    (one,) = joined([mine], [of_office(theirs)])
    assert (one.mode, one.percent) == counts
    put(config, tmp_path, mine)
    write_office_modes(tmp_path, text_of(theirs))
    assert mode_in(config) == counts


@pytest.mark.parametrize("said", [b"", b"{", text_of(PROMOTED)[:-9], b"\xff\xfe", text_of(PROMOTED, PROMOTED)])
def test_a_damaged_file_is_a_mistake_of_the_snapshot_and_says_what_to_do(said, config, tmp_path):
    (tmp_path / FILE).write_bytes(said)
    with pytest.raises(FileMistakes, match="takes it from the office anew"):
        built_of(config)
    assert read_office_modes(tmp_path, follows=False) == ()


def test_both_files_are_named_where_something_of_them_does_not_hold(config, tmp_path):
    lines = []
    put(config, tmp_path, own(PROMOTED | {"rule": "kz-gone"}))
    write_office_modes(tmp_path, text_of(PROMOTED | {"rule": "kz-gone-too"}))
    built_of(config, say=lines.append)
    assert [line.partition(": mode of rule ")[::2] for line in lines if "mode of rule" in line] == [
        (f"{tmp_path}/modes.toml", "kz-gone: the policy has no such rule any more"),
        (f"{tmp_path}/{FILE}", "kz-gone-too: the policy has no such rule any more"),
    ]


def test_the_modes_of_the_office_are_an_input_of_the_snapshot(config, tmp_path):
    before = [one.name for one in built_of(config).inputs if one.kind == "modes"]
    write_office_modes(tmp_path, text_of(PROMOTED))
    after = [one.name for one in built_of(config).inputs if one.kind == "modes"]
    assert (before, after) == ([], [str(tmp_path / FILE)])


def test_a_retraction_of_the_office_is_taken_out_of_the_snapshot_in_use_at_once(config, tmp_path):
    write_office_modes(tmp_path, text_of(PROMOTED | {"mode": "enforce", "percent": 0}))
    known, alarms = built_of(config).snapshot, []
    now = ModesNow(tmp_path, False, alarms.append, lambda: 1.0)
    now.recall_office()
    assert now.settled(known) is known
    now.hear_office([of_office(RETRACTED)])
    settled = now.settled(known)
    assert next(rule.mode for rule in settled.policy.rules if rule.id == RULE) == "monitor"
    assert (settled.hash != known.hash, alarms) == (True, [])
    now.hear_office([])
    assert now.settled(known) is known


def test_retractions_of_both_sides_do_not_get_in_each_others_way(config, tmp_path):
    known = built_of(config).snapshot
    put(config, tmp_path, own(RETRACTED))
    alarms = []
    now = ModesNow(tmp_path, True, alarms.append, lambda: 1.0)
    now.hear_office([of_office(RETRACTED)])
    rule = next(rule for rule in now.settled(known).policy.rules if rule.id == RULE)
    assert (rule.mode, rule.promote, alarms) == ("monitor", False, [])


def test_modes_are_followed_over_http_only():
    with pytest.raises(FileMistakes, match="needs a url"):
        load_config(CONFIG + '[publications]\nfolder = "from-office"\nmodes = true\n', "gate.toml")
