"""Building a snapshot: from files to a file, and every mistake of every file at once."""

from dataclasses import replace
from datetime import date

import pytest

from tosqauyl.errors import FileMistakes
from tosqauyl.numbers.plan import load_plan
from tosqauyl.policy.load import load_shipped
from tosqauyl.policy.rule import ModeOverride
from tosqauyl.snapshots.build import Sources, build
from tosqauyl.snapshots.folder import KEPT, accept, newest, prune, take_acceptance
from tosqauyl.snapshots.load import map_snapshot, open_snapshot
from tosqauyl.snapshots.swing import swings
from tosqauyl.snapshots.write import write
from tosqauyl.state.subscribers import Subscribers

RULE = load_shipped().rules[-1].id


@pytest.fixture
def sources(tmp_path):
    files = {
        "roaming": "+77011234567\n+77021234567\n",
        "portability": "+77011111111,beeline\n",
        "list.csv": "id,number,kind\na,+77771234567,block\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    return Sources(
        roaming=str(tmp_path / "roaming"), complete=True, portability=str(tmp_path / "portability"),
        indicators=(str(tmp_path / "list.csv"),), file="gate.toml",
        modes=(ModeOverride(RULE, "off", 0, "", "", date(2026, 1, 2)),),
    )  # fmt: skip


def test_what_the_files_say_is_in_the_snapshot(sources, tmp_path):
    said = []
    built = build(sources, said.append)
    known = map_snapshot(write(built, sources, tmp_path))
    assert known.subscribers.state("+77011234567") == "abroad"
    assert known.subscribers.state("+77011234568") == "home"
    assert known.plan.read("+77011111111").operator == "beeline"
    assert known.indicators.find("+77771234567", 0.0).listed == "block"
    assert next(rule.mode for rule in known.policy.rules if rule.id == RULE) == "off"
    assert "subscribers abroad: 2 of 2 lines" in said[-1]


def test_the_manifest_says_what_was_read(sources, tmp_path):
    file = open_snapshot(write(build(sources), sources, tmp_path))
    file.close()
    content = file.head.content
    kinds = {one["kind"]: one for one in content["inputs"]}
    assert set(kinds) == {"policy (shipped)", "indicators (shipped)", "indicators", "portability", "roaming"}
    assert kinds["roaming"]["size"] == 26
    assert content["subscribers"]["abroad"] == 2
    assert content["sources"] == sources.names()
    text = str(content)
    assert "77011234567" not in text, "no number of a person in the manifest"


def test_the_same_files_give_the_same_file(sources, tmp_path):
    assert write(build(sources), sources, tmp_path) == write(build(sources), sources, tmp_path)


def test_every_mistake_of_every_file_is_told(sources, tmp_path):
    (tmp_path / "policy").write_text("[policy]\n")
    (tmp_path / "portability").write_text("rubbish\n+77011111111,nobody\n")
    (tmp_path / "list.csv").write_text("id,number,kind\na,x,block\nb,+77771234567,ban\n")
    wrong = replace(
        sources, policy=str(tmp_path / "policy"), complete=("nobody",), roaming=str(tmp_path / "nowhere"),
        indicators=(str(tmp_path / "absent"), *sources.indicators),
    )  # fmt: skip
    with pytest.raises(FileMistakes) as refused:
        build(wrong)
    text = str(refused.value)
    for part in ("policy:", "portability:1", "portability:2", "list.csv:2", "list.csv:3", "absent: cannot be read",
                 "nowhere: cannot be read", "subscribers.complete: no operator is called nobody"):  # fmt: skip
        assert part in text, part


def test_a_mode_for_a_rule_that_is_not_there_is_a_mistake_of_the_configuration(sources):
    wrong = replace(sources, modes=(replace(sources.modes[0], rule="nothing"),))
    with pytest.raises(FileMistakes, match=r"gate.toml: mode of rule nothing: there is no rule"):
        build(wrong)


def test_text_that_is_not_utf8_is_a_mistake(sources, tmp_path):
    (tmp_path / "list.csv").write_bytes(b"id,number,kind\n\xff")
    with pytest.raises(FileMistakes, match="byte 15 is not UTF-8"):
        build(sources)


def test_feeds_are_applied_after_the_roaming_file(sources):
    def feeds(subscribers, plan):
        assert plan.read("+77011111111").operator == "beeline"
        subscribers.update("+77011234567", "unknown")
        return {"kcell": (3, 4)}

    built = build(sources, apply_feeds=feeds)
    assert built.snapshot.subscribers.state("+77011234567") == "unknown"
    assert built.feeds == {"kcell": (3, 4)}


def made(folder, name, age):
    path = folder / f"{name}.tqs"
    path.touch()
    import os

    os.utime(path, (1e9 - age, 1e9 - age))
    return path


def test_old_snapshots_go_but_never_the_one_in_use(tmp_path):
    paths = [made(tmp_path, f"s{age}", age) for age in range(KEPT + 3)]
    draft, fresh = tmp_path / ".x.1.draft", tmp_path / ".y.1.draft"
    made(tmp_path, "d", 1).rename(draft)
    fresh.touch()
    prune(tmp_path, paths[-1].name)
    assert newest(tmp_path) == [*paths[:KEPT], paths[-1]]
    assert fresh.exists()
    assert not draft.exists()
    assert newest(tmp_path / "nowhere") == []


def test_an_acceptance_holds_once_and_not_for_ever(tmp_path):
    import os

    assert not take_acceptance(tmp_path)
    accept(tmp_path)
    assert take_acceptance(tmp_path)
    assert not take_acceptance(tmp_path)
    os.utime(accept(tmp_path), (1e9, 1e9))
    assert not take_acceptance(tmp_path)


def states(numbers, complete=True):
    plan = load_plan()
    subscribers = Subscribers(plan.codes_of_operator["kcell"], complete)
    subscribers.load(["".join(f"+7701{number:07d}\n" for number in numbers).encode()])
    return subscribers


@pytest.mark.parametrize(
    ("before", "after", "percent"),
    [
        (range(10_000), range(10_000), 0),
        (range(10_000), range(9_000), 10),
        (range(10_000), range(1_000, 12_000), 30),
        (range(10_000), range(20_000), 100),
        (range(10_000), (), 0),
        ((), range(10_000), 0),
        (range(60), range(10), 50),
    ],
)
def test_the_swing_is_the_share_of_those_who_were_abroad(before, after, percent):
    live, new = states(before), states(after)
    if not after and before:  # an empty list is no promise: nobody is at home by it, and all of them are gone
        percent = 100
    assert round(swings(live, new, load_plan())["kcell"]) == percent
