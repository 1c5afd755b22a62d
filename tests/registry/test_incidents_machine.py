"""Any order of steps over cases: only the table's moves happen, versions rise by one, and each step is in the unbroken audit trail."""

import tempfile
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule
from sqlalchemy import func, select

from tosqauyl.registry import audit, incident_parts, incidents
from tosqauyl.registry.actor import ROLE_SCOPES, SYSTEM, Actor
from tosqauyl.registry.audit import GENESIS
from tosqauyl.registry.errors import Conflict, RegistryError
from tosqauyl.registry.incidents import Changes, Draft
from tosqauyl.registry.store import Registry
from tosqauyl.registry.tables import AuditEntry, AuditHead, Base, Incident, Organisation
from tosqauyl.registry.vault import Vault
from tosqauyl.registry.words import INCIDENT_MOVES

NOON = 1_796_022_000_000
DAY = 86_400_000
PEOPLE = tuple(Actor(f"user:{name}", "centre", "centre", "analyst", ROLE_SCOPES["analyst"]) for name in ("a", "b"))
VAULT = Vault({"00000001": b"k" * 32})


def empty_database(folder: Path) -> bytes:
    registry = Registry(f"sqlite:///{folder / 'empty.db'}", VAULT, lambda: NOON)
    Base.metadata.create_all(registry.engine)
    with registry._sessions() as db:
        db.add_all(
            (AuditHead(id=1, seq=0, hash=GENESIS), Organisation(id="centre", kind="centre", name="c", created=0))
        )
        db.commit()
    registry.close()
    return (folder / "empty.db").read_bytes()


with tempfile.TemporaryDirectory() as _folder:
    EMPTY = empty_database(Path(_folder))


class Cases(RuleBasedStateMachine):
    """model: case -> (state, version); written: steps that succeeded and were not idle."""

    known = Bundle("known")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        path = Path(self.folder.name) / "office.db"
        path.write_bytes(EMPTY)
        self.now = NOON
        self.registry = Registry(f"sqlite:///{path}", VAULT, lambda: self.now)
        with self.registry.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA synchronous=OFF")
        self.model: dict[UUID, tuple[str, int]] = {}
        self.merged: set[UUID] = set()
        self.written = 0

    def teardown(self) -> None:
        with self.registry.read(SYSTEM) as work:
            found = audit.verify(work.db)
            assert found.broken == ()
            assert work.db.scalar(select(func.count()).select_from(AuditEntry)) == self.written
        self.registry.close()
        self.folder.cleanup()

    def step(self, who: int, which: UUID, version: int, to: str, call) -> None:
        """Carry a step out and expect of it what the model says. to: the state afterwards."""
        state, current = self.model[which]
        allowed = version == current and which not in self.merged and (to == state or to in INCIDENT_MOVES[state])
        refused: RegistryError | None = None
        try:
            with self.registry.work(PEOPLE[who]) as work:
                call(work)
        except RegistryError as error:
            refused = error
        assert (refused is None) == allowed, f"{state} -> {to}: {refused or 'done'}"
        if refused is None:
            self.model[which] = (to, current + 1)
            self.written += 1
            return
        assert isinstance(refused, Conflict)
        assert version == current or state in str(refused), "the second one sees what is"

    @rule(target=known, who=st.integers(0, 1))
    def open(self, who: int) -> UUID:
        with self.registry.work(PEOPLE[who]) as work:
            made = incidents.create(work, Draft("A case"))
        self.model[made.id] = ("pending", made.version)
        self.written += 1
        return made.id

    @rule(
        which=known, who=st.integers(0, 1), behind=st.sampled_from((0, 0, 0, 1)), to=st.sampled_from(sorted(set(INCIDENT_MOVES) - {"snoozed"})),
    )  # fmt: skip
    def move(self, which: UUID, who: int, behind: int, to: str) -> None:
        version = self.model[which][1] - behind
        if to == self.model[which][0]:
            to = "pending" if to != "pending" else "investigating"
        outcome = "valuable_alert" if to == "closed" else ""
        self.step(who, which, version, to, lambda work: incidents.move(work, which, version, to, outcome))

    @rule(which=known, who=st.integers(0, 1), behind=st.sampled_from((0, 0, 1)), days=st.integers(1, 5))
    def snooze(self, which: UUID, who: int, behind: int, days: int) -> None:
        version, until = self.model[which][1] - behind, self.now + days * DAY
        if self.model[which][0] != "snoozed":
            self.step(
                who, which, version, "snoozed", lambda work: incidents.snooze(work, which, version, until, "waiting")
            )

    @rule(which=known, who=st.integers(0, 1), behind=st.sampled_from((0, 0, 1)))
    def amend(self, which: UUID, who: int, behind: int) -> None:
        state, current = self.model[which]
        version = current - behind
        if state != "closed":
            changes = Changes(amount=current * 7 + 1)
            self.step(who, which, version, state, lambda work: incidents.amend(work, which, version, changes))

    @rule(which=known, other=known, who=st.integers(0, 1))
    def merge(self, which: UUID, other: UUID, who: int) -> None:
        (state, version), (theirs, their_version) = self.model[which], self.model[other]
        if which != other and "closed" not in (state, theirs):
            with self.registry.work(PEOPLE[who]) as work:
                incident_parts.merge(work, which, version, other, their_version)
                self.model = {
                    key: (row.state, row.version)
                    for key in self.model
                    if (row := work.db.get(Incident, key, populate_existing=True))
                }
            assert self.model[other][0] == "closed"
            self.merged.add(other)
            self.written += 2

    @rule(days=st.integers(0, 4))
    def time_passes(self, days: int) -> None:
        self.now += days * DAY
        with self.registry.work(SYSTEM) as work:
            over = set(
                work.db.scalars(select(Incident.id).where(Incident.state == "snoozed", Incident.due <= self.now))
            )
            assert incidents.wake(work) == len(over)
        self.written += len(over)
        for one in over:
            self.model[one] = ("investigating", self.model[one][1] + 1)

    @invariant()
    def the_database_is_as_the_model(self) -> None:
        with self.registry.read(SYSTEM) as work:
            rows = work.db.scalars(select(Incident)).all()
            work.db.expunge_all()
        assert {row.id: (row.state, row.version) for row in rows} == self.model
        for row in rows:
            assert (row.state == "snoozed") == (row.snoozed_until > 0)
            assert (row.state == "closed") == (row.closed > 0)
            assert bool(row.outcome) == (row.state == "closed" and row.merged_into is None)


Cases.TestCase.settings = settings(
    max_examples=25, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)
TestCases = pytest.mark.filterwarnings("ignore")(Cases.TestCase)
