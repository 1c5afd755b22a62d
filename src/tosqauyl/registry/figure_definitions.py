"""Definitions of the office's figures: what each counts, of which unit, and how it is taken from the tables.

Words are data/figures.toml. A figure is shown with its definition, window, unit, source and revision or not at all. Each definition
has one unit and one query of its own; there is no way to add two of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, FromClause, String, and_, case, func, literal_column, or_

from tosqauyl.errors import TosqauylError
from tosqauyl.registry.errors import Absent
from tosqauyl.registry.shipped import Titles, shipped, titles
from tosqauyl.registry.tables import Appeal, FigureDay, Incident, Indicator, NumberCheck, Observable, Report

ONE = literal_column("1", BigInteger)
EMPTY = literal_column("''", String)


@dataclass(frozen=True, slots=True)
class Definition:
    """One figure. by: what it can be broken down by; public: anybody may see its totals; is_not: what it must not be taken for."""

    slug: str
    unit: str
    by: tuple[str, ...]
    public: bool
    name: Titles
    text: Titles
    is_not: Titles


@dataclass(frozen=True, slots=True)
class Measure:
    """How a figure is taken from a table. at: the moment that places a row in a window; value: what is added up; people: how much
    of it counts against the threshold of small cells; where: which rows; organisation: whose they are; of: the tables."""

    of: FromClause
    at: ColumnElement[int]
    value: ColumnElement[int]
    people: ColumnElement[int]
    organisation: ColumnElement[str]
    scheme: ColumnElement[str]
    region: ColumnElement[str]
    where: ColumnElement[bool] | None = None


@cache
def definitions() -> Mapping[str, Definition]:
    """The shipped definitions by slug, in their order."""
    found = {}
    for row in shipped("figures.toml")["definition"]:
        words = [titles(row.get(key), f"figures.toml: {row['slug']}.{key}") for key in ("name", "text", "is_not")]
        if row["unit"] not in shipped("figures.toml")["units"]:
            raise TosqauylError(f"the unit {row['unit']} is not there", f"figures.toml: {row['slug']}")
        found[row["slug"]] = Definition(row["slug"], row["unit"], tuple(row["by"]), row["public"], *words)
    return MappingProxyType(found)


def definition_of(slug: str) -> Definition:
    """A definition. Raises Absent."""
    found = definitions().get(slug)
    if found is None:
        raise Absent("there is no such figure", hint=", ".join(definitions()))
    return found


def unit_text(unit: str) -> Titles:
    """A unit in plain words."""
    return titles(shipped("figures.toml")["units"][unit], f"figures.toml: {unit}")


def words_of(name: str) -> Titles:
    """A sentence that goes with every figure: 'suppression', 'days'."""
    return titles(shipped("figures.toml")[name], f"figures.toml: {name}")


def source_text(organisation: str) -> Titles:
    """Where figures come from. organisation: whose rows alone they count, '' for everybody's."""
    everybody = words_of("everybody")
    return {
        language: text.format(organisation=organisation or everybody[language])
        for language, text in words_of("source").items()
    }


ROLLED = MappingProxyType({
    "reports": (FigureDay.reports, FigureDay.reports),
    "reported-victims": (FigureDay.victims, FigureDay.victims),
    "reported-losses": (FigureDay.loss, FigureDay.losses),
})  # fmt: skip
"""Figures that are kept day by day: value and people of a day."""


def measure_of(slug: str, now: int) -> Measure:
    """How a figure is taken. now: what is late by then, milliseconds."""
    made: Measure = _MEASURES[slug](now) if slug in _MEASURES else _of_reports(slug)
    return made


def _of_reports(slug: str) -> Measure:
    amounts: dict[str, Any] = {
        "reports": (ONE, ONE),
        "reported-victims": (Report.victims, Report.victims),
        "reported-losses": (Report.loss, case((Report.loss > 0, ONE), else_=0)),
    }
    value, people = amounts[slug]
    return Measure(
        Report.__table__, Report.received, value, people, Report.organisation, Report.scheme, Report.region  # type: ignore[arg-type]
    )  # fmt: skip


def _incidents(at: Any, value: Any, people: Any, where: Any = None) -> Measure:
    return Measure(
        Incident.__table__, at, value, people, Incident.organisation, Incident.scheme, Incident.region, where  # type: ignore[arg-type]
    )  # fmt: skip


def _checks(where: Any = None) -> Measure:
    joined = NumberCheck.__table__.outerjoin(Report.__table__, Report.id == NumberCheck.report)
    return Measure(
        joined, NumberCheck.opened, ONE, ONE, NumberCheck.organisation, func.coalesce(Report.scheme, EMPTY),  # type: ignore[arg-type]
        func.coalesce(Report.region, EMPTY), where,
    )  # fmt: skip


def _appeals(at: Any, where: Any = None) -> Measure:
    joined = Appeal.__table__.join(Observable.__table__, Observable.id == Appeal.observable).outerjoin(
        Indicator.__table__, Indicator.id == Appeal.indicator
    )
    return Measure(joined, at, ONE, ONE, Observable.operator, func.coalesce(Indicator.scheme, EMPTY), EMPTY, where)  # type: ignore[arg-type]


def _late(done: Any, due: Any, now: int) -> ColumnElement[bool]:
    """Done when its time was over or later, or not done though it is over. due: 0 where there is no clock."""
    return and_(due > 0, or_(done >= due, and_(done == 0, due <= now)))


_REAL = Incident.outcome != "false_positive"
_MEASURES: Mapping[str, Any] = MappingProxyType({
    "incidents": lambda now: _incidents(Incident.created, ONE, ONE),
    "incidents-confirmed": lambda now: _incidents(
        Incident.closed, ONE, ONE, and_(Incident.state == "closed", Incident.outcome == "confirmed_risk")
    ),
    "victims": lambda now: _incidents(Incident.created, Incident.victims, Incident.victims, _REAL),
    "damage": lambda now: _incidents(
        Incident.created, Incident.amount, case((Incident.amount > 0, ONE), else_=0), _REAL
    ),
    "checks": lambda now: _checks(),
    "checks-late": lambda now: _checks(_late(NumberCheck.decided, NumberCheck.due, now)),
    "messages-late": lambda now: _checks(_late(NumberCheck.told, NumberCheck.tell_due, now)),
    "appeals": lambda now: _appeals(Appeal.filed),
    "appeals-upheld": lambda now: _appeals(Appeal.decided, Appeal.state == "upheld"),
    "appeals-late": lambda now: _appeals(
        Appeal.filed,
        and_(Appeal.state.in_(("proven", "upheld", "rejected")), _late(Appeal.decided, Appeal.due, now)),
    ),
})  # fmt: skip
