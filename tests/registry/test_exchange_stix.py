"""Published indicators as STIX 2.1 objects, read back by the library itself."""

import json
import re
from contextlib import suppress

import pytest
import stix2
from exchange_rows import ONE_OF_EACH, publish, revoke
from hypothesis import given
from hypothesis import strategies as st
from stix2.exceptions import DuplicateRegistrationError
from stix2patterns.v21.pattern import Pattern
from stix2patterns.validator import run_validator

from tosqauyl.registry.actor import SYSTEM
from tosqauyl.registry.exchange import extensions, objects, stix
from tosqauyl.registry.exchange.objects import COLLECTIONS, Filter, Shelf
from tosqauyl.registry.exchange.page import KINDS, SETTLE_MS, Wanted, page, publisher
from tosqauyl.registry.ids import new_id
from tosqauyl.registry.tables import AuditEntry, Observable

LATER = SETTLE_MS + 1
ALL = COLLECTIONS[0]


def everything(registry, wanted=Filter(), limit=300, shelf=ALL):  # noqa: B008
    """All objects, page after page."""
    found, cursor = [], ""
    while True:
        with registry.read(SYSTEM) as work:
            got = Shelf(publisher(work), shelf).objects(work, wanted, limit, cursor)
        assert len(got.objects) <= limit
        found += got.objects
        cursor = got.next
        if not cursor:
            return found


def by_type(found, kind):
    return [json.loads(one.text) for one in found if one.type == kind]


def test_each_kind_is_an_indicator_with_its_observable_and_their_relationship(registry, clock):
    for kind, value in ONE_OF_EACH.items():
        publish(registry, kind, value)
    clock[0] += LATER
    found = everything(registry)
    parsed = stix2.parse(
        {"type": "bundle", "id": f"bundle--{new_id(0)}", "objects": [json.loads(one.text) for one in found]}
    )
    ids = {one["id"] for one in parsed.objects}
    assert len(ids) == len(found)
    made = {one["type"]: one for one in parsed.objects if one["type"] in stix.TYPES.values()}
    assert made["phone-number"].value == "+77011234567"
    assert made["bank-account"].iban == "KZ86125KZT5004100100"
    assert made["cryptocurrency-wallet"].value == ONE_OF_EACH["wallet"]
    assert made["domain-name"].value == ONE_OF_EACH["domain"]
    assert made["url"].value.startswith("https://kaspi-bonus.example.com/")
    assert (made["user-account"].account_type, made["user-account"].account_login) == ("telegram", "fraud_helper")
    for one in (one for one in parsed.objects if one["type"] == "relationship"):
        assert {one.source_ref, one.target_ref, one.created_by_ref} <= ids
    for one in (one for one in parsed.objects if one["type"] == "indicator"):
        assert run_validator(one.pattern, "2.1") == []
        assert {ref for ref in one.object_marking_refs} <= ids


def test_an_indicator_says_what_is_known_and_no_text_of_a_person(registry, clock):
    number = publish(registry, "phone", "+77011234567", listing="block")
    clock[0] += LATER
    (one,) = by_type(everything(registry), "indicator")
    assert one["pattern"] == "[phone-number:value = '+77011234567']"
    assert (one["confidence"], one["indicator_types"]) == (80, ["malicious-activity"])
    assert one["valid_from"] == "2026-11-30T07:00:00Z"
    assert one["modified"] == "2026-11-30T07:00:00.000Z"
    assert set(one["labels"]) == {"verdict:fraud", "scheme:safe-account", "listing:block", "half-life-days:30"}
    refs = {ref["external_id"]: ref["source_name"] for ref in one["external_references"]}
    assert refs == {
        str(number): "tosqauyl", "F1032": "mitre-f3", "F1040.002": "mitre-f3", "F1005.003": "mitre-f3", "F1025.001": "mitre-f3",
    }  # fmt: skip
    assert "Aida" not in json.dumps(one)
    assert "complaints" in one["description"]


def test_personal_or_not_public_is_amber_all_else_green(registry, clock):
    publish(registry, "phone", "+77011234567")
    publish(registry, "domain", "one.example.com")
    publish(registry, "domain", "two.example.com", public=False)
    clock[0] += LATER
    marked = {one["pattern"]: one["object_marking_refs"] for one in by_type(everything(registry), "indicator")}
    green, amber = [stix2.TLP_GREEN.id], [stix2.TLP_AMBER.id]
    assert marked == {
        "[phone-number:value = '+77011234567']": amber, "[domain-name:value = 'one.example.com']": green,
        "[domain-name:value = 'two.example.com']": amber,
    }  # fmt: skip


def test_repeated_exports_give_the_same_ids_and_the_id_of_a_number_is_not_made_of_it(registry, clock):
    publish(registry, "phone", "+77011234567")
    clock[0] += LATER
    first, second = everything(registry), everything(registry)
    assert [one.text for one in first] == [one.text for one in second]
    (number,) = by_type(first, "phone-number")
    made_of_it = stix2.v21.observables._Observable._generate_id(extensions.PhoneNumber(value="+77011234567"))
    assert number["id"] != made_of_it


def test_a_revoked_indicator_stands_once_more_revoked_and_without_its_value(registry, clock):
    kept = publish(registry, "phone", "+77011234567")
    gone = publish(registry, "phone", "+77017654321")
    clock[0] += LATER
    before = everything(registry)
    revoke(registry, gone)
    clock[0] += LATER
    after = everything(registry)
    assert "7654321" in str(before)
    assert "7654321" not in str(after)
    said = {one["id"]: one for one in by_type(after, "indicator")}
    assert said[stix.stix_id("indicator", kept)].get("revoked", False) is False
    taken_back = said[stix.stix_id("indicator", gone)]
    assert taken_back["revoked"] is True
    numbers = {one["id"]: one["value"] for one in by_type(before, "phone-number")}
    (held,) = [name for name, value in numbers.items() if value == "+77017654321"]
    assert taken_back["pattern"] == f"[phone-number:id = '{held}']"
    assert run_validator(taken_back["pattern"], "2.1") == []
    assert [one.id for one in after][-1] == taken_back["id"], "behind everything that was added before"
    new = everything(registry, Filter(after=clock[0] - LATER - 1))
    assert [one.id for one in new] == [taken_back["id"]]


def test_what_was_never_approved_or_is_over_is_not_there(registry, clock):
    for state in ("draft", "proposed", "revoked"):
        publish(registry, "domain", f"{state}.example.com", state=state, approved=0, ended=clock[0])
    publish(registry, "domain", "decayed.example.com", state="decayed", ended=clock[0])
    publish(registry, "imei", "490154203237518")
    clock[0] += LATER
    assert by_type(everything(registry), "indicator") == []


def test_what_was_published_just_now_waits_for_slower_transactions(registry, clock):
    publish(registry, "domain", "one.example.com")
    clock[0] += SETTLE_MS - 1
    assert by_type(everything(registry), "indicator") == []
    clock[0] += 1
    assert len(by_type(everything(registry), "indicator")) == 1


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 7])
def test_pages_of_any_size_add_up_to_the_whole_without_doubles(registry, clock, limit):
    ids = [publish(registry, "domain", f"d{number}.example.com") for number in range(4)]
    clock[0] += 1
    ids += [publish(registry, "phone", f"+7701123456{number}") for number in range(3)]
    revoke(registry, ids[1])
    clock[0] += LATER
    whole = everything(registry)
    assert everything(registry, limit=limit) == whole
    assert sorted(one.added for one in whole) == [one.added for one in whole]
    assert len({one.id for one in whole}) == len(whole) == 7 + 6 * 3 + 1


def test_a_manifest_names_the_same_objects_and_opens_nothing(registry, clock):
    publish(registry, "phone", "+77011234567")
    clock[0] += LATER
    with registry.read(SYSTEM) as work:
        listed = Shelf(publisher(work), ALL).manifest(work, Filter(), 100)
    assert notes(registry, "read-personal") == []
    assert [(one.id, one.added) for one in listed.objects] == [(one.id, one.added) for one in everything(registry)]
    assert all(one.text == "" for one in listed.objects)


def notes(registry, verb):
    with registry.read(SYSTEM) as work:
        found = work.db.query(AuditEntry).filter(AuditEntry.verb == verb)
        return [(one.what, one.purpose, one.detail) for one in found]


def test_what_a_page_does_not_hold_is_neither_opened_nor_noted(registry, clock):
    made = [publish(registry, "phone", f"+7701123456{number}") for number in range(4)]
    clock[0] += LATER
    first = sorted(one.hex for one in made)[0]
    with registry.read(SYSTEM) as work:
        Shelf(publisher(work), ALL).objects(work, Filter(types=("indicator",)), 1)
    assert [detail for *_, detail in notes(registry, "read-personal")] == [first]


def test_opening_personal_values_is_noted_with_the_purpose_and_every_id(registry, clock):
    number = publish(registry, "phone", "+77011234567")
    publish(registry, "domain", "one.example.com")
    clock[0] += LATER
    with registry.read(SYSTEM) as work:
        page(work, Wanted(), 10)
    assert notes(registry, "read-personal") == [("exchange", "exchange", number.hex)]


def test_filters_by_id_type_version_and_specification(registry, clock):
    number = publish(registry, "phone", "+77011234567")
    clock[0] += 5
    publish(registry, "domain", "one.example.com")
    clock[0] += LATER
    with registry.read(SYSTEM) as work:
        observable = work.db.query(Observable).filter(Observable.kind == "phone").one().id
    wanted = stix.stix_id("phone-number", observable)

    def ids(**said):
        return [one.id for one in everything(registry, Filter(**said))]

    assert ids(ids=(wanted,)) == [wanted]
    assert ids(ids=(stix.stix_id("indicator", number), extensions.PROJECT)) == [
        extensions.PROJECT,
        stix.stix_id("indicator", number),
    ]
    assert ids(ids=("indicator--nonsense",)) == []
    assert ids(types=("phone-number",)) == [wanted]
    assert ids(types=("malware",)) == []
    assert len(ids(types=("indicator",))) == 2
    assert len(ids(types=("marking-definition", "extension-definition"))) == 5
    assert ids(types=("indicator",), versions=(str(clock[0] - LATER - 5),)) == [stix.stix_id("indicator", number)]
    assert len(ids(types=("indicator",), versions=("first",))) == 2
    assert ids(specs=("2.0",)) == []
    assert len(ids(specs=("2.0", "2.1"))) == len(ids())


def test_a_collection_holds_its_kinds_and_what_they_refer_to(registry, clock):
    for kind, value in ONE_OF_EACH.items():
        publish(registry, kind, value)
    clock[0] += LATER
    assert {kind for shelf in COLLECTIONS[1:] for kind in shelf.kinds} == set(KINDS)
    for shelf in COLLECTIONS:
        found = everything(registry, shelf=shelf)
        types = {one.type for one in found} & set(stix.TYPES.values())
        assert types == {stix.TYPES[kind] for kind in shelf.kinds}
        assert len([one for one in found if one.type == "extension-definition"]) == 3


def test_each_type_of_our_own_has_a_definition_of_its_own():
    ids = [one.definition for one in extensions.EXTENSIONS]
    assert len(set(ids)) == 3
    with pytest.raises(DuplicateRegistrationError):
        stix2.v21.CustomObservable("another-type", [("value", stix2.properties.StringProperty())], ["value"], ids[0])(
            type("A", (), {})
        )


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=60))
def test_a_pattern_says_the_value_and_nothing_beside_it_whatever_it_is(value):
    quoted = f"[url:value = '{stix._quoted(value)}']"
    assert run_validator(quoted, "2.1") == []
    (comparisons,) = Pattern(quoted).inspect().comparisons.values()
    assert len(comparisons) == 1
    said = stix2.pattern_visitor.create_pattern_object(
        quoted, version="2.1"
    ).operand.rhs.value  # still with its escapes
    assert re.sub(r"\\(.)", r"\1", said) == value


@given(st.integers(0, 2**48 - 1), st.binary(min_size=10, max_size=10))
def test_an_id_is_read_back_and_looks_like_version_4(now, random):
    own = new_id(now, random)
    shown = stix.stix_id("indicator", own)
    assert stix.own_of(shown) == ("indicator", own)
    assert stix2.v21.Relationship(shown, "related-to", shown).source_ref == shown


@given(st.text(max_size=80))
def test_no_text_makes_reading_an_id_or_a_cursor_fail_otherwise_than_plainly(text):
    stix.own_of(text)
    with suppress(objects.Invalid):
        objects._cursor(text)
