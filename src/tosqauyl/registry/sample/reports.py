"""Reports of the sample: single ones of every scheme, and those of one thing that become a case."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any
from uuid import UUID

from tosqauyl.registry import intake
from tosqauyl.registry.moments import DAY, HOUR
from tosqauyl.registry.sample.stage import Stage
from tosqauyl.registry.submission import Submission
from tosqauyl.registry.tables import Report
from tosqauyl.registry.taxonomy import regions
from tosqauyl.texts import LANGUAGES

TENGE = 100
"""Tiyn."""
SENDERS = (("", "citizen"),) * 6 + (("sample-bank", "bank"), ("sample-police", "police"), ("sample-market", "platform"))
"""Who sends reports, and as whom; '' a citizen without an account, most often."""
OF_CASES = (("", "citizen"),) * 4 + (("sample-bank", "citizen"),)


@dataclass(slots=True)
class Told:
    """What a case of the story came to. names: 'kind:text' of what its reports name, drawn; incident: None until there is one."""

    said: Mapping[str, Any]
    names: tuple[str, ...]
    reports: list[UUID] = field(default_factory=list)
    incident: UUID | None = None

    @property
    def number(self) -> str:
        """The first number that is named, as 'phone:...'."""
        return next(one for one in self.names if one.startswith("phone:"))


def plan_singles(stage: Stage) -> None:
    """Some reports of each scheme, each of another thing."""
    said = stage.story["singles"]
    for scheme in stage.story["scheme"]:
        for _ in range(said["count"]):
            names = tuple(stage.drawn(one) for one in scheme["names"])
            login, reporter = stage.dice.choice(SENDERS)
            report = _submission(stage, scheme, scheme["slug"], names, reporter)
            stage.on(stage.dice.uniform(0.05, said["days"]), partial(_send, stage, login, report))


def plan_cases(stage: Stage) -> dict[str, Told]:
    """The reports of the cases; by id what they come to."""
    schemes = {one["slug"]: one for one in stage.story["scheme"]}
    found = {one["id"]: Told(one, tuple(stage.drawn(name) for name in one["names"])) for one in stage.story["case"]}
    for told in found.values():
        said = told.said
        for place in range(said["reports"]):
            names = told.names if place % 2 == 0 or len(told.names) == 1 else told.names[:-1]
            login, reporter = stage.dice.choice(OF_CASES)
            report = _submission(
                stage, schemes[said["scheme"]] | {"loss": said["loss"]}, said["scheme"], names, reporter, said["region"]
            )
            share = place / max(1, said["reports"] - 1)
            at = said["from"] - share * (said["from"] - said["until"]) + 0.01 * (said["reports"] - place)
            stage.on(at, partial(_of_case, stage, login, report, told))
    return found


def _submission(
    stage: Stage, scheme: Mapping[str, Any], slug: str, names: tuple[str, ...], reporter: str, region: str = ""
) -> Submission:
    dice = stage.dice
    language = dice.choices(LANGUAGES, (5, 4, 1))[0]
    loss = dice.randrange(5, scheme["loss"] + 1) if scheme["loss"] and dice.random() < 0.6 else 0
    observables = [(kind, text) for kind, _, text in (one.partition(":") for one in names)]
    return Submission(
        reporter, scheme["channel"], tuple(observables), slug, region or dice.choice(sorted(regions())),
        stage.marked(scheme[language], language), contact=stage.drawn("+7701#######") if reporter == "citizen" else "",
        victim=stage.said("person", language), loss=loss * 1_000 * TENGE, victims=int(loss > 0),
        consent=dice.random() < 0.7,
    )  # fmt: skip


def _send(stage: Stage, login: str, report: Submission) -> UUID:
    """Send it; it happened some hours before."""
    happened = stage.moments.at - stage.dice.randrange(HOUR, DAY)
    with stage.work(login) as work:
        return intake.submit(work, replace(report, happened=happened)).report


def _of_case(stage: Stage, login: str, report: Submission, told: Told) -> None:
    told.reports.append(_send(stage, login, report))
    if told.incident is None:
        with stage.registry.read(stage.actors["sample-analyst"]) as work:
            kept = work.db.get(Report, told.reports[-1])
            told.incident = kept.incident if kept is not None else None
