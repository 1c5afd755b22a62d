"""Published indicators as a MISP feed, read by MISP's own library, and as CSV."""

import csv
import io
import json
from contextlib import contextmanager
from dataclasses import replace
from uuid import UUID

import pytest
from exchange_rows import DAY, ONE_OF_EACH, publish, revoke
from hypothesis import given
from hypothesis import strategies as st
from pymisp import MISPEvent, MISPObject

from tosqauyl.registry.actor import SYSTEM
from tosqauyl.registry.errors import Absent
from tosqauyl.registry.exchange import csv_export, misp
from tosqauyl.registry.exchange.page import KINDS, REVOKED_MS, SETTLE_MS, Wanted, page
from tosqauyl.registry.tables import AuditEntry

LATER = SETTLE_MS + 1


class Reader:
    def __init__(self, registry):
        self.registry = registry

    @contextmanager
    def read(self):
        with self.registry.read(SYSTEM) as work:
            yield work


def manifest_of(registry):
    with registry.read(SYSTEM) as work:
        return misp.manifest(work)


def event_of(registry, event_id):
    loaded = MISPEvent()
    loaded.load(json.loads("".join(misp.event(Reader(registry), UUID(event_id)))))
    return loaded


def values_of(event):
    found = {one.type: one for one in event.attributes}
    found |= {f"{one.name}/{value.object_relation}": value for one in event.objects for value in one.attributes}
    return found


def test_pymisp_reads_each_kind_as_what_misp_calls_it(registry, clock):
    for kind, value in ONE_OF_EACH.items():
        publish(registry, kind, value)
    clock[0] += LATER
    (event_id,) = manifest_of(registry)
    event = event_of(registry, event_id)
    said = values_of(event)
    assert {name: one.value for name, one in said.items() if name != "url"} == {
        "phone-number": "+77011234567", "domain": ONE_OF_EACH["domain"], "bank-account/iban": "KZ86125KZT5004100100",
        "coin-address/address-crypto": ONE_OF_EACH["wallet"], "telegram-account/username": "fraud_helper",
    }  # fmt: skip
    assert all(one.to_ids and not one.deleted for one in said.values())
    assert {tag.name for tag in said["phone-number"].tags} == {
        "tlp:amber", 'tosqauyl:verdict="fraud"', 'tosqauyl:scheme="safe-account"',
    }  # fmt: skip
    assert {tag.name for tag in said["domain"].tags} >= {"tlp:green"}


def test_objects_are_of_the_templates_that_misp_ships(registry, clock):
    for kind in misp.TEMPLATES:
        publish(registry, kind, ONE_OF_EACH[kind])
    clock[0] += LATER
    (event_id,) = manifest_of(registry)
    for one in event_of(registry, event_id).objects:
        template = MISPObject(one.name, strict=True)
        assert (template.template_uuid, template["meta-category"]) == (one.template_uuid, one["meta-category"])
        (value,) = one.attributes
        assert template._definition["attributes"][value.object_relation]["misp-attribute"] == value.type


def test_ids_stay_so_that_an_event_fetched_again_changes_what_is_there(registry, clock):
    publish(registry, "iban", ONE_OF_EACH["iban"])
    clock[0] += LATER
    first, second = [event_of(registry, next(iter(manifest_of(registry)))) for _ in range(2)]
    assert first.uuid == second.uuid
    assert first.objects[0].uuid == second.objects[0].uuid
    assert first.objects[0].attributes[0].uuid == second.objects[0].attributes[0].uuid
    assert first.objects[0].uuid != first.objects[0].attributes[0].uuid


def test_each_day_is_an_event_and_the_manifest_tells_when_it_changed(registry, clock):
    first = publish(registry, "domain", "one.example.com")
    clock[0] += DAY
    publish(registry, "domain", "two.example.com")
    clock[0] += LATER
    listed = manifest_of(registry)
    assert [one["date"] for one in listed.values()] == ["2026-11-30", "2026-12-01"]
    before = [int(one["timestamp"]) for one in listed.values()]
    clock[0] += DAY
    revoke(registry, first)
    clock[0] += LATER
    after = [int(one["timestamp"]) for one in manifest_of(registry).values()]
    assert after[0] > before[0]
    assert after[1] == before[1]
    assert [event_of(registry, one).attributes[0].value for one in listed] == ["one.example.com", "two.example.com"]


def test_what_was_revoked_is_deleted_in_its_event_until_everybody_could_learn_it(registry, clock):
    gone = publish(registry, "phone", "+77011234567")
    publish(registry, "domain", "one.example.com")
    clock[0] += LATER
    revoke(registry, gone)
    (event_id,) = manifest_of(registry)
    said = values_of(event_of(registry, event_id))
    assert (said["phone-number"].deleted, said["phone-number"].to_ids) == (True, False)
    assert said["domain"].deleted is False
    clock[0] += REVOKED_MS
    assert set(values_of(event_of(registry, event_id))) == {"domain"}


def test_an_event_that_is_not_there_is_absent_at_once(registry):
    with pytest.raises(Absent):
        misp.event(Reader(registry), UUID(int=1))


def test_an_event_longer_than_a_page_is_whole_and_every_opening_is_noted(registry, clock, monkeypatch):
    monkeypatch.setattr(misp, "PAGE", 2)
    made = {publish(registry, "phone", f"+7701123456{number}").hex for number in range(5)}
    clock[0] += LATER
    (event_id,) = manifest_of(registry)
    assert len(event_of(registry, event_id).attributes) == 5
    with registry.read(SYSTEM) as work:
        found = [one.detail.split() for one in work.db.query(AuditEntry).filter(AuditEntry.verb == "read-personal")]
    assert {one for some in found for one in some} == made


def csv_of(registry, wanted=Wanted(revoked=False)):  # noqa: B008
    with registry.read(SYSTEM) as work:
        found = page(work, wanted, 100)
    return "".join(csv_export.lines([found[:2], found[2:]], "Centre", 1_796_022_000_000)), found


def test_csv_says_what_it_is_and_has_every_indicator(registry, clock):
    for kind, value in ONE_OF_EACH.items():
        publish(registry, kind, value)
    clock[0] += LATER
    text, _ = csv_of(registry)
    lines = text.split("\r\n")
    assert lines[0] == "# Centre: published indicators"
    assert lines[1].startswith("# definition: ")
    assert lines[2] == "# time: 2026-11-30T07:00:00.000Z"
    assert "tlp: AMBER" in lines[4]
    assert lines[-2:] == ["# end: 6 indicators", ""]
    rows = list(csv.DictReader(line for line in lines if line and not line.startswith("#")))
    assert {row["kind"] for row in rows} == set(KINDS)
    said = {row["kind"]: row for row in rows}
    assert said["phone"]["value"] == "tel:+77011234567"
    assert (said["iban"]["value"], said["iban"]["tlp"]) == ("KZ86125KZT5004100100", "amber")
    assert said["domain"]["techniques"] == "F1032 F1040.002 F1005.003 F1025.001"


@given(st.text(max_size=40))
def test_no_cell_is_computed_by_a_spreadsheet_whatever_it_says(text):
    made = csv_export.cell(text)
    assert not made.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert made.removeprefix("'") == text.replace("\r", " ").replace("\n", " ").replace("\0", "").removeprefix("'")


def test_a_row_is_read_back_as_it_was_whatever_a_link_has_in_it(registry, clock):
    publish(registry, "url", 'https://x.example.com/a,b;"c"?=1')
    clock[0] += LATER
    text, (entry,) = csv_of(registry)
    (row,) = csv.DictReader(
        io.StringIO("".join(line + "\r\n" for line in text.split("\r\n") if line[:1] not in ("#", "")))
    )
    assert row["value"] == entry.value
    hostile = replace(entry, value="=HYPERLINK(1)")
    assert "\r\n" in "".join(csv_export.lines([[hostile]], "=x", 0))
    assert ",'=HYPERLINK(1)," in "".join(csv_export.lines([[hostile]], "=x", 0))
