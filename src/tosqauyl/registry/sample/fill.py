"""Fill an empty office with the sample, as if some weeks of work lay behind it.

Everything happens at moments of the past, so the trail, which was begun when the office was made, goes back in time: a sample is
no evidence of anything.
"""

from sqlalchemy import func, select

from tosqauyl.registry import figures
from tosqauyl.registry.actor import CENTRE, SYSTEM
from tosqauyl.registry.errors import Conflict
from tosqauyl.registry.passwords import Passwords
from tosqauyl.registry.sample.cases import plan_fates
from tosqauyl.registry.sample.decided import plan_entries, plan_the_rest
from tosqauyl.registry.sample.duties import plan_duties
from tosqauyl.registry.sample.people import Person, settle
from tosqauyl.registry.sample.reports import plan_cases, plan_singles
from tosqauyl.registry.sample.stage import Moments, Stage
from tosqauyl.registry.store import Registry, Work
from tosqauyl.registry.tables import (
    Account,
    Action,
    Appeal,
    Condition,
    Incident,
    Indicator,
    NumberCheck,
    Organisation,
    Report,
)

FIRST_DAY = 35
"""Days ago; everybody is there from then on."""


def fill(registry: Registry, moments: Moments, passwords: Passwords, seed: int) -> list[Person]:
    """Fill it; the people who can sign in now, with their passwords. registry: its clock is `moments`, which stands at now.

    Raises Conflict where the office is not empty.
    """
    with registry.read(SYSTEM) as work:
        check_empty(work)
    stage = Stage(registry, moments, seed)
    people: list[Person] = []
    stage.on(FIRST_DAY, lambda: people.extend(settle(stage, passwords)))
    plan_singles(stage)
    told = plan_cases(stage)
    plan_fates(stage, told)
    plan_duties(stage, told)
    plan_entries(stage)
    plan_the_rest(stage, told)
    stage.run()
    with registry.read(SYSTEM) as work:
        months = figures.to_roll_up(work)
    for month in months:
        with registry.work(SYSTEM) as work:
            figures.roll_up(work, month)
    return people


def check_empty(work: Work) -> None:
    """Raises Conflict where an office has more than what its making left: the centre and an admin."""
    tables = (Report, Incident, Indicator, Condition, Appeal, NumberCheck, Action)
    counts = {table.__tablename__: select(func.count()).select_from(table) for table in tables}
    counts["organisation"] = select(func.count()).select_from(Organisation).where(Organisation.id != CENTRE)
    counts["account"] = select(func.count()).select_from(Account).where(Account.role != "admin")
    there = [name for name, count in counts.items() if work.db.scalar(count)]
    if there:
        hint = "a sample goes into an office of its own: tosqauyl office init --data DIR"
        raise Conflict("this office is not empty", ", ".join(there), hint)
