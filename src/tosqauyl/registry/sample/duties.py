"""Checks of operators and what organisations are asked to do, in the sample: done in time, open, late, refused."""

from collections.abc import Mapping
from functools import partial
from uuid import UUID

from sqlalchemy import select

from tosqauyl.registry import actions, checks, intake
from tosqauyl.registry.actions import Wanted
from tosqauyl.registry.observables import find
from tosqauyl.registry.person import Person
from tosqauyl.registry.sample.reports import Told
from tosqauyl.registry.sample.stage import Stage
from tosqauyl.registry.submission import Submission
from tosqauyl.registry.tables import NumberCheck

IIN = "990101500016"
"""Of somebody who is born in 2099, with the check digit that fits."""
LATE_DAYS = 13
TOLD_AFTER = 5
"""Days; a check of a younger report is decided, and the Centre is not told yet."""
NOT = "not_confirmed"
ALONE = {
    "phone:+77075553###": ("t2", LATE_DAYS, False), "phone:+77775554###": ("beeline", 9, True),
    "phone:+77755555###": ("kcell", 3, True),
}  # fmt: skip
"""Reported once: operator, days ago, whether its check was done; the one that was not is late."""


def plan_duties(stage: Stage, told: Mapping[str, Told]) -> None:
    """Checks of numbers that were reported alone, of two cases, and some requests."""
    for pattern, (operator, days, is_done) in ALONE.items():
        number = stage.drawn(pattern)
        stage.on(days, partial(_report, stage, number))
        if is_done:
            is_told = days > TOLD_AFTER
            stage.on(days - 1.2, partial(_check, stage, number, operator, NOT, is_told))
    shop, loan = told["wrong-shop"], told["loan"]
    for after in (22.5, 20.0, 17.7):  # a check for each of its three reports
        stage.on(after, partial(_check, stage, shop.number, "kcell", NOT, True))
    stage.on(6, partial(_check, stage, loan.number, "kcell", "confirmed", True))
    stage.on(5.5, partial(_answer, stage, "kcell", "suspend", "done"))
    _plan_requests(stage, told)


def _plan_requests(stage: Stage, told: Mapping[str, Told]) -> None:
    account = next(one for one in told["safe-account"].names if one.startswith("iban:"))
    wallet = next(one for one in told["profit"].names if one.startswith("wallet:"))
    stage.on(15, partial(_ask, stage, told["safe-account"], account, "sample-bank", "hold"))
    stage.on(14.8, partial(_answer, stage, "sample-bank", "hold", "done"))
    stage.on(8, partial(_ask, stage, told["profit"], wallet, "sample-market", "notify"))
    stage.on(7.5, partial(_answer, stage, "sample-market", "notify", "refused"))
    stage.on(0.3, partial(_ask, stage, told["market"], told["market"].number, "beeline", "notify"))
    stage.on(0.2, partial(_ask, stage, told["profit"], account, "sample-bank", "hold"))


def _report(stage: Stage, named: str) -> None:
    kind, _, text = named.partition(":")
    scheme = stage.story["scheme"][2]
    said = Submission(
        "citizen", scheme["channel"], ((kind, text),), scheme["slug"], "75", stage.marked(scheme["kk"], "kk"),
        contact=stage.drawn("+7701#######"),
    )  # fmt: skip
    with stage.work() as work:
        intake.submit(work, said)


def _check(stage: Stage, named: str, operator: str, outcome: str, is_told: bool) -> None:
    """An operator's answer, and its message to the Centre."""
    login = f"sample-{operator}"
    person = Person()
    if outcome == "confirmed":
        person = Person(stage.said("person", "kk"), IIN, (stage.drawn("+7702555####"),))
    with stage.work(login) as work:
        check = _open_check(stage, named, login)
        checks.decide(work, check, 1, outcome, person)
    if is_told:
        stage.moments.at += 1
        with stage.work(login) as work:
            checks.tell(work, [check])


def _open_check(stage: Stage, named: str, login: str) -> UUID:
    kind, _, text = named.partition(":")
    with stage.registry.read(stage.actors[login]) as work:
        observable = find(work, kind, text)
        if observable is None:
            raise LookupError(f"nobody reported {named}")
        wanted = select(NumberCheck.id).where(NumberCheck.observable == observable.id, NumberCheck.decided == 0)
        return work.db.scalars(wanted).one()


def _ask(stage: Stage, told: Told, named: str, to: str, kind: str) -> None:
    observable = stage.see(named)
    with stage.work("sample-analyst") as work:
        actions.request(work, Wanted(to, kind, observable, told.incident, stage.said("basis", "kk")))


def _answer(stage: Stage, to: str, kind: str, state: str) -> None:
    login = "sample-market" if to == "sample-market" else f"sample-{to.removeprefix('sample-')}"
    with stage.work(login) as work:
        for one in actions.search(work, actions.Filter(kind=kind, is_open=True), None, 10)[:1]:
            actions.answer(
                work, one.id, one.version, state, stage.said("answer" if state == "done" else "refusal", "kk")
            )
