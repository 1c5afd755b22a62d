"""The rest of the sample: drafts, revoked entries, conditions, protected numbers, findings, appeals, figures of others."""

from collections.abc import Mapping
from functools import partial

from sqlalchemy import select

from tosqauyl.registry import appeals, conditions, decisions, findings, official, proof, protected
from tosqauyl.registry.findings import Finding
from tosqauyl.registry.moments import DAY, rfc3339
from tosqauyl.registry.protected import Identity
from tosqauyl.registry.sample.cases import propose, put_in_force
from tosqauyl.registry.sample.reports import Told
from tosqauyl.registry.sample.stage import Stage
from tosqauyl.registry.tables import Appeal

FOREIGN = "phone:+4477009002##"
"""Pattern of numbers that only stand in lists."""
RULE = "kz-mobile-home"
"""The rule that an appeal names where no entry of the office stopped the number."""


def plan_entries(stage: Stage) -> None:
    """Entries of numbers that belong to no case: revoked, sent back, over, and conditions."""
    numbers = [stage.drawn(FOREIGN[:-2] + f"{place}#") for place in range(8)]
    stage.on(24, lambda: put_in_force(stage, propose(stage, numbers[0], "block")))
    stage.on(13, partial(_revoke, stage, numbers[0]))
    stage.on(10, lambda: put_in_force(stage, propose(stage, numbers[1], "mark")))
    stage.on(7, partial(_draft, stage, numbers[2]))
    stage.on(3, partial(_send_back, stage, numbers[3]))
    stage.on(0.6, partial(_proposed, stage, numbers[4]))
    stage.on(22, partial(_allow, stage, numbers[5], 300))
    stage.on(11, partial(_block, stage, numbers[6], "sample-chief"))
    stage.on(1.5, partial(_block, stage, numbers[7], ""))


def plan_the_rest(stage: Stage, told: Mapping[str, Told]) -> None:
    """Protected identities, findings, figures of others, appeals."""
    stage.on(33, partial(_protect, stage))
    stage.on(32, partial(_figures, stage))
    for days, calls in ((8, 412), (4, 96), (0.8, 1280)):
        number = stage.drawn("phone:+4477009000##")
        stage.on(days, partial(_find, stage, number, calls))
    _plan_appeals(stage, told)


def _plan_appeals(stage: Stage, told: Mapping[str, Told]) -> None:
    shop, loan = told["wrong-shop"].number, told["loan"].number
    filed = {shop: (17, 16.5, "upheld"), loan: (4, 3.6, "rejected")}
    waiting, unproven = (stage.drawn(f"phone:+7701555{place}###") for place in (7, 8))
    for named, (days, proven, outcome) in filed.items():
        stage.on(days, partial(_appeal, stage, named))
        stage.on(proven, partial(_prove, stage, named))
        stage.on(proven - 0.5, partial(_decide, stage, named, outcome == "upheld"))
    stage.on(0.5, partial(_appeal, stage, waiting, RULE))
    stage.on(0.35, partial(_prove, stage, waiting))
    stage.on(0.15, partial(_appeal, stage, unproven, RULE))


def _revoke(stage: Stage, named: str) -> None:
    observable = stage.see(named)
    with stage.work("sample-supervisor") as work:
        decisions.revoke_all(work, observable, stage.said("revoked"))


def _draft(stage: Stage, named: str) -> None:
    said = propose(stage, named, "mark")
    with stage.work("sample-analyst") as work:
        decisions.draft(work, said)


def _proposed(stage: Stage, named: str) -> None:
    said = propose(stage, named, "mark")
    with stage.work("sample-analyst") as work:
        decisions.propose(work, said)


def _send_back(stage: Stage, named: str) -> None:
    said = propose(stage, named, "block")
    with stage.work("sample-analyst") as work:
        made = decisions.propose(work, said)
    stage.moments.at += 1
    with stage.work("sample-chief") as work:
        decisions.send_back(work, made.id, made.version, stage.said("sent_back"))


def _allow(stage: Stage, named: str, days: int) -> None:
    observable = stage.see(named)
    with stage.work("sample-chief") as work:
        conditions.allow(work, observable, stage.said("allow"), work.now + days * DAY)


def _block(stage: Stage, named: str, second: str) -> None:
    """second: who confirms it; '' while it waits."""
    observable = stage.see(named)
    with stage.work("sample-analyst") as work:
        made = conditions.block(work, observable, stage.said("block"), work.now + 30 * DAY)
    if second:
        stage.moments.at += 1
        with stage.work(second) as work:
            conditions.confirm(work, made.id, made.version)


def _protect(stage: Stage) -> None:
    body = next(one["name"] for one in stage.story["organisation"] if one["kind"] == "bank")
    numbers = (("phone", "+447700900999"), ("domain", "bank-sample.example"), ("sender", "SAMPLEBANK"))
    with stage.work("sample-chief") as work:
        for kind, value in numbers:
            protected.add(work, Identity(body, kind, value, stage.said("source")))


def _figures(stage: Stage) -> None:
    """A figure of somebody else, beside those that are shipped."""
    day = rfc3339(stage.moments.at)[:10]
    notes = [stage.said("source", one) for one in ("kk", "ru", "en")]
    row = ["Үлгі, пример, sample", "reports", "", "", "", day, "1234", "", *notes]
    text = ",".join(official.COLUMNS) + "\n" + ",".join(f'"{one}"' for one in row) + "\n"
    with stage.work("sample-analyst") as work:
        official.seed(work)
        official.import_figures(work, text, "sample.csv")


def _find(stage: Stage, named: str, calls: int) -> None:
    until = stage.moments.at
    said = Finding(
        named.partition(":")[2], "kz-fan-out", stage.said("finding"), rfc3339(until - DAY), rfc3339(until),
        "sample 0123456789abcdef", {"calls": calls, "answered": calls // 7}, "mark", 55, "afc-phone",
    )  # fmt: skip
    with stage.work("sample-analyst") as work:
        findings.take(work, said)


def _appeal(stage: Stage, named: str, rule: str = "") -> None:
    with stage.work() as work:
        appeals.file(work, named.partition(":")[2], stage.said("appeal", "kk"), stage.said("person", "kk"), "kk", rule)


def _prove(stage: Stage, named: str) -> None:
    appeal = _of(stage, named)
    with stage.work("sample-kcell") as work:
        proof.confirm(work, appeal.id, appeal.version)


def _decide(stage: Stage, named: str, upheld: bool) -> None:
    appeal = _of(stage, named)
    with stage.work("sample-supervisor") as work:
        appeals.decide(work, appeal.id, appeal.version, upheld, stage.said("upheld" if upheld else "rejected", "kk"))


def _of(stage: Stage, named: str) -> Appeal:
    """The appeal of a number, as it stands."""
    observable = stage.see(named)
    with stage.registry.read(stage.actors["sample-supervisor"]) as work:
        return work.db.scalars(select(Appeal).where(Appeal.observable == observable)).one()
