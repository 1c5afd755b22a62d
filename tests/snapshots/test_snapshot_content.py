"""Right digests prove that a file is whole, not that it was made by our builder: every part is checked once more."""

import json
import struct

import pytest
from snapshot_desk import ABROAD, small

from tosqauyl.errors import TosqauylError
from tosqauyl.facts import UNKNOWN_CALL
from tosqauyl.numbers.number_table import HEAD, packed
from tosqauyl.snapshots import write as writing
from tosqauyl.snapshots.build import Sources
from tosqauyl.snapshots.format import write_snapshot
from tosqauyl.snapshots.load import map_snapshot, open_snapshot

SMALL = small()


@pytest.fixture
def crafted(tmp_path, monkeypatch):
    """Writes the small snapshot with some content and sections replaced, all digests right."""

    def write(content=None, sections=None):
        def changed(folder, good_content, good_sections):
            return write_snapshot(folder, {**good_content, **(content or {})}, {**good_sections, **(sections or {})})

        monkeypatch.setattr(writing, "write_snapshot", changed)
        return writing.write(SMALL, Sources(), tmp_path)

    return write


def stored_policy(**changes):
    from tosqauyl.policy.stored import encode_policy

    data = json.loads(json.dumps(encode_policy(SMALL.snapshot.policy)))
    data["rules"][0] |= changes
    return [json.dumps(data).encode()]


def table(*words: int) -> list[bytes]:
    return [struct.pack("=4Q", *words) + bytes(24)]


@pytest.mark.parametrize(
    ("content", "sections", "says"),
    [
        ({"tables": "0" * 16}, {}, "another number plan"),
        ({"byteorder": "big"}, {}, "byte order"),
        ({"byteorder": None}, {}, "byte order"),
        ({"policy": []}, {"policy": [b"{}"]}, "stored policy"),
        ({}, {"policy": [b"not json"]}, "no JSON"),
        ({}, {"policy": [b"[" * 100_000]}, "no JSON"),
        ({}, {"policy": stored_policy(tree=["true", "__import__('os')"])}, "no fact"),
        ({}, {"policy": stored_policy(tree=["=", ["fact", "caller"], ["value", 1]])}, "never has"),
        ({"ported": {"hash": "x", "operators": ["nobody"]}}, {}, "operator"),
        ({"ported": {"hash": "x", "operators": [7]}}, {}, "operator"),
        ({"ported": {"hash": 5, "operators": []}}, {}, "nothing sound"),
        ({"ported": None}, {}, "nothing sound"),
        ({}, {"ported": [b""]}, "table of numbers"),
        ({}, {"ported": table(1 << 40, 1, 1, 0)}, "table of numbers"),
        ({}, {"ported": table(3, 1, 1, 0)}, "table of numbers"),
        ({}, {"ported": table(2, 2, 1, 0)}, "table of numbers"),
        ({}, {"ported": table(2, 1, 3, 0)}, "table of numbers"),
        ({}, {"ported": table(2, 1, 1, 9)}, "table of numbers"),
        ({"indicators": {"hash": "x", "entries": "many"}}, {}, "nothing sound"),
        ({}, {"indicators.records": [bytes(31)]}, "cut off"),
        ({}, {"indicators.others": [b"{}{"]}, "cannot be read"),
        ({}, {"indicators.others": [b'[1, "block", "a", null, "prefix", "+7", "+7"]']}, "too wide"),
        ({}, {"indicators.others": [b'[1, "block", "a\\nb", null, "prefix", "+7701", "+7701"]']}, "cannot be read"),
        ({}, {"indicators.others": [b'[1, "ban", "a", null, "prefix", "+7701", "+7701"]']}, "cannot be read"),
        ({}, {"indicators.others": [b'[1, "block", "a", null, "exact", "+7701", "+7701"]']}, "cannot be read"),
        ({}, {"indicators.others": [b'["abcdefg"]']}, "cannot be read"),
        ({}, {"indicators.others": [b"\n" * 30_000]}, "30001 prefixes"),
        ({"subscribers": {"codes": ["999"], "complete": True}}, {}, "no mobile code"),
        ({"subscribers": {"codes": [["701"]], "complete": True}}, {}, "no mobile code"),
        ({"subscribers": {"codes": ["701", "702"], "complete": True}}, {}, "not the planes"),
        ({"subscribers": {"codes": [], "complete": True}}, {}, "not the planes"),
        ({"subscribers": {"codes": ["701", "701"], "complete": True}}, {"subscribers": [bytes(5_000_000)]}, "twice"),
        ({}, {"subscribers": [bytes(10)]}, "not the planes"),
        ({"msrn": ["+7*"]}, {}, "too wide"),
        ({"msrn": "abc"}, {}, "roaming number ranges"),
        ({"msrn": [7]}, {}, "roaming number ranges"),
    ],
)  # fmt: skip
def test_content_that_no_builder_makes_is_refused(crafted, content, sections, says):
    with pytest.raises(TosqauylError, match=says):
        map_snapshot(crafted(content, sections))


def test_a_missing_section_is_refused(tmp_path):
    path = write_snapshot(tmp_path, {"tables": SMALL.snapshot.plan.hash}, {"nothing": [b"x"]})
    with pytest.raises(TosqauylError):
        map_snapshot(path)


def test_records_that_point_nowhere_are_passed_over(crafted):
    places = packed({"+77172123456": 1000, "+77172123457": 0, "+77172123458": 1})
    records = struct.pack("=QdQQ", 7 | 3 << 32, float("inf"), 1 << 60, 1 << 60) + struct.pack(
        "=QdQQ", 2**64 - 1, float("nan"), 0, 4
    )
    known = map_snapshot(
        crafted({}, {"indicators.table": [places], "indicators.records": [records], "indicators.ids": [b"a\n\xff"]})
    )
    for number in ("+77172123456", "+77172123457", "+77172123458"):
        assert known.indicators.find(number, 0.0).id == ""


def test_a_table_without_an_empty_place_is_searched_to_its_end_only(crafted):
    memory = bytearray(packed({"+77011111111": 0}))
    memory[HEAD : HEAD + 16] = struct.pack("=2Q", 77_012_222_222, 77_013_333_333)
    memory[8:24] = struct.pack("=2Q", 1, 2)
    known = map_snapshot(crafted({}, {"ported": [memory]}))
    assert known.plan.read("+77014444444").operator == load_operator("+77014444444")


def load_operator(number):
    return SMALL.snapshot.plan.read(number).operator


def test_a_ported_number_with_a_value_out_of_bounds_is_passed_over(crafted):
    known = map_snapshot(crafted({}, {"ported": [packed({"+77012222222": 4_000_000_000})]}))
    assert known.plan.read("+77012222222").operator == load_operator("+77014444444")


def test_everything_is_found_in_the_file_that_was_in_memory(crafted):
    path = crafted()
    known, was = map_snapshot(path), SMALL.snapshot
    assert known.policy == was.policy
    assert known.plan.hash == was.plan.hash
    assert known.plan.read("+77011111111").operator == "beeline"
    assert known.indicators.entries == was.indicators.entries
    assert known.indicators.hash == was.indicators.hash
    assert known.indicators.expired(200.0) == was.indicators.expired(200.0)
    assert bytes(known.subscribers.plane("701")) == bytes(was.subscribers.plane("701"))
    assert known.subscribers.state("+77021234567") == "unknown", "a code without a plane in the file"
    assert known.subscribers.update("+77021234567", "abroad")
    assert known.subscribers.update("+77021234567", "unknown")
    assert known.subscribers.count() == {"abroad": 1, "home": 9_999_999}
    assert "+77019900500" in known.msrn
    for number in ("+77172123456", "+441234567890", "+77172000001", "+77011234567", "junk"):
        for now in (0.0, 100.0):
            assert known.indicators.find(number, now) == was.indicators.find(number, now)
    call = UNKNOWN_CALL._replace(direction="international", caller_kind="fixed")
    assert known.policy.hits(call) == was.policy.hits(call) == 1


def test_an_update_changes_neither_the_file_nor_another_mapping(crafted):
    path = crafted()
    before = path.read_bytes()
    one, other = map_snapshot(path), map_snapshot(path)
    assert one.subscribers.update(ABROAD, "unknown")
    assert one.subscribers.update("+77010000001", "abroad")
    assert (one.subscribers.state(ABROAD), other.subscribers.state(ABROAD)) == ("unknown", "abroad")
    assert path.read_bytes() == before


def test_equal_parts_of_the_snapshot_in_use_are_used_again(crafted):
    path = crafted()
    live = map_snapshot(path)
    file = open_snapshot(path)
    again = file.load(live)
    file.close()
    assert again.policy is live.policy
    assert again.indicators._others is live.indicators._others
    assert again.subscribers.plane("701").obj is not live.subscribers.plane("701").obj


def test_a_snapshot_outlives_its_file(crafted):
    path = crafted()
    known = map_snapshot(path)
    path.unlink()
    assert known.subscribers.state(ABROAD) == "abroad"
