"""What gates are told: always what a brute-force model says, and the changes add up to the list."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product
from threading import Thread

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from tosqauyl.registry import conditions, decisions, list_files, observables, publish
from tosqauyl.registry.actor import SYSTEM
from tosqauyl.registry.decisions import Proposal
from tosqauyl.registry.errors import Conflict, Forbidden, Invalid
from tosqauyl.registry.list_text import read_head
from tosqauyl.registry.moments import DAY
from tosqauyl.registry.publish import BELL, Change, changes, head
from tosqauyl.registry.tables import Condition, Indicator, ListHead, Listing, Publication

NUMBERS = ("+447700900601", "+447700900602", "+77172900603")
WHY = ({"slug": "reports", "text": "called in the name of a bank"},)


@pytest.fixture
def numbers(registry, analyst):
    with registry.work(analyst) as work:
        return [observables.observe(work, "phone", number).id for number in NUMBERS]


def decided(registry, analyst, supervisor, number, listing="block", days=30):
    with registry.work(analyst) as work:
        made = decisions.propose(
            work,
            Proposal(
                number,
                {"allow": "clean"}.get(listing, "fraud"),
                listing,
                reasons=WHY,
                valid_until=work.now + days * DAY,
            ),
        )
    with registry.work(supervisor) as work:
        return decisions.approve(work, made.id, made.version)


def confirmed_block(registry, analyst, supervisor, number, days=30, always=False):
    with registry.work(analyst) as work:
        made = conditions.block(work, number, "seen by the centre", work.now + days * DAY, always=always)
    with registry.work(supervisor) as work:
        return conditions.confirm(work, made.id, made.version)


def added_up(told: Iterable[Change], start=()) -> dict[str, tuple]:
    """What a gate knows after changes."""
    known = dict(start)
    for change in told:
        known.pop(change.number, None)
        if change.listing != "none":
            known[change.number] = (change.listing, change.expires // 1000, str(change.indicator))
    return known


def rows(work) -> dict[str, tuple]:
    found = work.db.execute(select(Listing.number, Listing.listing, Listing.expires, Listing.indicator))
    return {
        work.vault.open(number, publish.NUMBER): (listing, expires // 1000, str(which))
        for number, listing, expires, which in found
    }


def read_list(text: bytes) -> tuple[int, dict[str, tuple]]:
    first, *lines, last, end = text.split(b"\n")
    header = read_head(first)
    assert (end, last[:4], header.entries) == (b"", b"end ", len(lines))
    fields = [line.decode().split("\t") for line in lines]
    return header.seq, {
        number: (said, 0 if until == "-" else int(until), which) for number, said, until, which in fields
    }


@dataclass
class Held:
    """The model: one thing that was decided."""

    number: int
    kind: str
    until: int
    id: object
    made: object
    live: bool = True


STRENGTH = ("block-always", "allow", "block", "mark")


class Model:
    """Whatever was decided, and what follows of it by looking at everything."""

    def __init__(self) -> None:
        self.held: list[Held] = []

    def listed(self, now: int) -> dict[str, tuple]:
        found = {}
        for place, number in enumerate(NUMBERS):
            live = [one for one in self.held if one.number == place and one.live and (not one.until or now < one.until)]
            for kind in STRENGTH:
                same = [one for one in live if one.kind == kind]
                if same:
                    endless = [one for one in same if not one.until]
                    last = endless or [one for one in same if one.until == max(one.until for one in same)]
                    which = min(str(one.id) for one in last)
                    until = 0 if endless else last[0].until
                    found[number] = (kind.removesuffix("-always"), until // 1000, which)
                    break
        return found


KINDS = ("block", "mark", "allow", "condition-allow", "condition-block", "condition-always")
STEPS = st.one_of(
    st.tuples(st.sampled_from(("block", "mark", "allow")), st.integers(0, 1), st.integers(1, 4)),
    st.tuples(st.sampled_from(("condition-allow", "condition-block", "condition-always")), st.integers(0, 1), st.integers(0, 4)),
    st.tuples(st.just("end"), st.integers(0, 20), st.just(0)),
    st.tuples(st.just("later"), st.integers(1, 40), st.just(0)),
    st.tuples(st.just("file"), st.just(0), st.just(0)),
)  # fmt: skip


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(STEPS, min_size=4, max_size=20))
def test_whatever_is_decided_the_list_is_what_the_model_says(
    registry, analyst, supervisor, numbers, clock, tmp_path_factory, steps
):
    with registry.work(SYSTEM) as work:
        for table in (Publication, Listing, Indicator, Condition):
            work.db.execute(delete(table))
        work.db.get(ListHead, 1).seq = 0
    folder, model, taken = tmp_path_factory.mktemp("lists"), Model(), []
    for kind, which, days in steps:
        clock[0] += 1
        _step(registry, (analyst, supervisor), (numbers, clock, model), (kind, which, days))
        with registry.work(SYSTEM) as work:
            decisions.expire(work)
            expected = model.listed(clock[0])
            assert rows(work) == expected
            if kind == "file":
                list_files.refresh(work, folder, list_files.Renewal(changes=1))
            _, pieces = list_files.whole(work, folder)
            taken.append(read_list(b"".join(pieces)))
            assert taken[-1] == (head(work).seq, expected)
    with registry.read(SYSTEM) as work:
        told = changes(work, 0, 1_000)
        assert [change.seq for change in told] == list(range(1, head(work).seq + 1))
        assert added_up(told) == rows(work)
        for seq, known in taken:
            assert added_up(changes(work, seq, 1_000), known) == rows(work)


def _step(registry, people, state, step) -> None:
    (analyst, supervisor), (numbers, clock, model), (kind, which, days) = people, state, step
    if kind == "later":
        clock[0] += which * DAY // 8
    elif kind == "end" and model.held:
        one = model.held[which % len(model.held)]
        if not one.live or 0 < one.until <= clock[0]:
            return
        one.live = False
        with registry.work(supervisor) as work:
            if isinstance(one.made, Indicator):
                decisions.revoke(work, one.id, decisions.found(work, one.id).version, "no more")
            else:
                conditions.end(work, one.id, conditions.found(work, one.id).version)
    elif kind in ("block", "mark", "allow"):
        made = decided(registry, analyst, supervisor, numbers[which], kind, days)
        model.held.append(Held(which, kind, made.valid_until, made.id, made))
    elif kind == "condition-allow":
        with registry.work(supervisor) as work:
            made = conditions.allow(work, numbers[which], "it is ours", clock[0] + days * DAY if days else 0)
        model.held.append(Held(which, "allow", made.until, made.id, made))
    elif kind.startswith("condition"):
        always = kind.endswith("always")
        made = confirmed_block(registry, analyst, supervisor, numbers[which], days + 1, always)
        model.held.append(Held(which, "block-always" if always else "block", made.until, made.id, made))


def test_of_any_two_decisions_on_a_number_the_stronger_one_holds(registry, analyst, supervisor, numbers, clock):
    people, model = (analyst, supervisor), Model()
    for first, second in product(KINDS, KINDS):
        for kind, days in ((first, 3), (second, 2)):
            _step(registry, people, (numbers, clock, model), (kind, 0, days))
        with registry.work(supervisor) as work:
            assert rows(work) == model.listed(clock[0]), (first, second)
            for one in model.held:
                if isinstance(one.made, Indicator):
                    decisions.revoke(work, one.id, decisions.found(work, one.id).version, "next")
                else:
                    conditions.end(work, one.id, conditions.found(work, one.id).version)
            assert rows(work) == {}
        model.held.clear()


def test_an_allowance_lifts_a_block_until_it_ends(registry, analyst, supervisor, numbers, clock):
    decided(registry, analyst, supervisor, numbers[0], "block", 30)
    with registry.work(supervisor) as work:
        allowed = conditions.allow(work, numbers[0], "its owner proved it", clock[0] + DAY)
        found = publish.listing_of(work, numbers[0])
        assert (found.listing, found.expires, found.indicator) == ("allow", clock[0] + DAY, allowed.id)
    clock[0] += DAY
    with registry.work(SYSTEM) as work:
        decisions.expire(work)
        assert publish.listing_of(work, numbers[0]).listing == "block"


def test_a_block_waits_for_a_second_person_and_must_end(registry, analyst, supervisor, numbers, clock):
    with registry.work(supervisor) as work:
        made = conditions.block(work, numbers[0], "seen by the centre", clock[0] + DAY)
        assert conditions.state_of(made, clock[0]) == "waiting"
    with pytest.raises(Forbidden), registry.work(supervisor) as work:
        conditions.confirm(work, made.id, made.version)
    with registry.read(SYSTEM) as work:
        assert publish.listing_of(work, numbers[0]) is None
    for until in (0, 1, clock[0] + 181 * DAY):
        with pytest.raises(Invalid), registry.work(supervisor) as work:
            conditions.block(work, numbers[0], "why", until)


def test_a_condition_from_another_side_is_nothing_for_gates(registry, supervisor, numbers):
    with registry.work(supervisor) as work:
        for perspective in ("callee", "payer", "payee"):
            conditions.allow(work, numbers[0], "a payment", 0, perspective)
        assert publish.head(work).seq == 0
        conditions.allow(work, numbers[0], "both ways", 0, "both")
        assert publish.head(work).seq == 1


def test_a_condition_says_why_and_its_other_versions_are_refused(registry, supervisor, numbers, someone):
    for why in ("", "  ", "call 87011234567"):
        with pytest.raises(Invalid), registry.work(supervisor) as work:
            conditions.allow(work, numbers[0], why, 0)
    with registry.work(supervisor) as work:
        made = conditions.allow(work, numbers[0], "ours", 0)
        version = made.version
    with registry.work(supervisor) as work:
        conditions.end(work, made.id, version)
    with pytest.raises(Conflict), registry.work(someone("supervisor")) as work:
        conditions.end(work, made.id, version)


def test_an_emergency_number_is_blocked_by_no_condition(registry, analyst, clock):
    with registry.work(analyst) as work:
        number = observables.observe(work, "phone", "112").id
    with pytest.raises(Invalid, match="emergency"), registry.work(analyst) as work:
        conditions.block(work, number, "why", clock[0] + DAY, always=True)


def test_what_changes_nothing_is_not_published(registry, analyst, supervisor, numbers):
    decided(registry, analyst, supervisor, numbers[0], "block", 30)
    decided(registry, analyst, supervisor, numbers[0], "mark", 60)
    with registry.work(SYSTEM) as work:
        assert publish.head(work).seq == 1
        assert publish.relist(work, numbers[0]) is None


def test_changes_are_a_conflict_ahead_of_the_list_and_where_they_are_not_kept(
    registry, analyst, supervisor, numbers, clock
):
    for number in numbers:
        decided(registry, analyst, supervisor, number)
    with registry.work(SYSTEM) as work:
        assert changes(work, 3, 10) == []
        with pytest.raises(Conflict):
            changes(work, 4, 10)
        assert publish.trim(work, clock[0] + 1) == 2  # the last one stays
        with pytest.raises(Conflict):
            changes(work, 1, 10)
        assert [change.seq for change in changes(work, 2, 10)] == [3]


def test_trimming_keeps_what_is_young_and_is_bounded(registry, analyst, supervisor, numbers, clock):
    for number in numbers:
        decided(registry, analyst, supervisor, number)
        clock[0] += 1_000
    with registry.work(SYSTEM) as work:
        assert publish.trim(work, clock[0] - 2_500, 10) == 1
        assert publish.trim(work, clock[0], 1) == 1


def test_numbers_are_sealed_in_the_database(registry, analyst, supervisor, numbers):
    decided(registry, analyst, supervisor, numbers[0])
    with registry.read(SYSTEM) as work:
        for table in (Publication, Listing):
            sealed = work.db.scalars(select(table.number)).one()
            assert NUMBERS[0].encode() not in sealed
            assert work.vault.open(sealed, "publication.number") == NUMBERS[0]


def test_why_a_number_is_listed(registry, analyst, supervisor, numbers, clock):
    made = decided(registry, analyst, supervisor, numbers[0])
    with registry.read(SYSTEM) as work:
        why = publish.published_reason(work, numbers[0])
        assert publish.published_reason(work, numbers[1]) is None
    assert (why.kind, why.id, why.organisation, why.until) == ("indicator", made.id, "Centre", made.valid_until)
    assert why.reasons == ({"slug": "reports", "text": "called in the name of a bank"},)
    held = confirmed_block(registry, analyst, supervisor, numbers[0], always=True)
    with registry.read(SYSTEM) as work:
        why = publish.published_reason(work, numbers[0])
        assert (why.kind, why.id, why.reasons[0]["text"]) == ("condition", held.id, "seen by the centre")
    clock[0] += 40 * DAY
    with registry.read(SYSTEM) as work:
        assert publish.published_reason(work, numbers[0]) is None


def test_the_bell_rings_after_the_commit_and_not_after_a_rollback(registry, analyst, supervisor, numbers):
    rung = []

    def hear() -> None:
        with registry.read(SYSTEM) as work:
            rung.append(head(work).seq)

    BELL.listen(hear)
    try:
        decided(registry, analyst, supervisor, numbers[0])
        with pytest.raises(RuntimeError), registry.work(supervisor) as work:
            conditions.allow(work, numbers[1], "ours", 0)
            raise RuntimeError
    finally:
        BELL.forget(hear)
    assert rung == [1]


def test_a_listener_whose_loop_is_closed_is_forgotten(registry, analyst, supervisor, numbers):
    called = []

    def closed() -> None:
        called.append(1)
        raise RuntimeError("Event loop is closed")

    BELL.listen(closed)
    for number in numbers[:2]:
        decided(registry, analyst, supervisor, number)
    assert called == [1]


def test_decisions_of_several_at_once_leave_no_gap_and_none_is_lost(registry, analyst, supervisor, clock):
    waiting = []
    for place in range(12):
        with registry.work(analyst) as work:
            number = observables.observe(work, "phone", f"+4477009007{place:02}").id
            proposal = Proposal(number, "fraud", "block", reasons=WHY, valid_until=work.now + DAY)
            waiting.append(decisions.propose(work, proposal))
    failed = []

    def approve(some) -> None:
        try:
            for one in some:
                with registry.work(supervisor) as work:
                    decisions.approve(work, one.id, one.version)
        except Exception as error:  # noqa: BLE001
            failed.append(error)

    threads = [Thread(target=approve, args=(waiting[place::4],)) for place in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    with registry.read(SYSTEM) as work:
        told = changes(work, 0, 100)
        assert [change.seq for change in told] == list(range(1, 13))
        assert added_up(told) == rows(work)


def test_two_opposite_decisions_on_one_number_at_once_end_in_what_holds(registry, analyst, supervisor, numbers):
    made = decided(registry, analyst, supervisor, numbers[0])
    version = made.version
    with registry.work(analyst) as work:
        other = decisions.propose(work, Proposal(numbers[0], "fraud", "mark", reasons=WHY))

    def both(act) -> None:
        with registry.work(supervisor) as work:
            act(work)

    acts = (
        lambda work: decisions.revoke(work, made.id, version, "wrong"),
        lambda work: decisions.approve(work, other.id, other.version),
    )
    threads = [Thread(target=both, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with registry.read(SYSTEM) as work:
        assert publish.listing_of(work, numbers[0]).listing == "mark"
        assert added_up(changes(work, 0, 100)) == rows(work)
