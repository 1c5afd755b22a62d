"""What was decided of the modes of rules: promotions that two people made, retractions by one."""

from sqlalchemy import BigInteger, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from tosqauyl.registry.tables.base import Base, Id, Long, Ms, Short, Word


class ModeDecision(Base):
    """A mode of a rule of the policy. mode: canary or enforce (a promotion), monitor (a retraction); state: words.MODE_STATES;
    made_for: what the rule was (policy.modes.standing); report: id of the back-test; reason: as gates record it; why: what the
    person added; tested_*: figures of the back-test, attempts and seconds, -1 where it could not tell; accept_*: numbers that were
    typed; after: seq of what held of the rule when it was proposed; decided_by: who approved it, turned it down, or retracted;
    seq: its place among what came to hold, gapless in the order of commits, 0 for what does not hold; of a rule the last one
    holds."""

    __tablename__ = "mode_decision"
    __table_args__ = (
        Index("ix_mode_decision_rule_seq", "rule", "seq"),
        Index("ix_mode_decision_rule_id", "rule", "id"),
        Index("ix_mode_decision_state_id", "state", "id"),
        Index("ix_mode_decision_seq", "seq"),
    )
    id: Mapped[Id] = mapped_column(primary_key=True)
    organisation: Mapped[str] = mapped_column(ForeignKey("organisation.id"))
    rule: Mapped[Short]
    mode: Mapped[Word]
    percent: Mapped[int] = mapped_column(default=0)
    state: Mapped[Word]
    made_for: Mapped[Short]
    policy: Mapped[Word] = mapped_column(default="")
    report: Mapped[Word] = mapped_column(default="")
    reason: Mapped[Long]
    why: Mapped[Long] = mapped_column(default="")
    tested_calls: Mapped[int] = mapped_column(BigInteger, default=0)
    tested_seconds: Mapped[int] = mapped_column(BigInteger, default=0)
    tested_decides: Mapped[int] = mapped_column(BigInteger, default=0)
    tested_known_good: Mapped[int] = mapped_column(BigInteger, default=0)
    tested_roamers: Mapped[int] = mapped_column(BigInteger, default=0)
    skip_canary: Mapped[bool] = mapped_column(default=False)
    accept_known_good: Mapped[Word] = mapped_column(default="")
    accept_roamers: Mapped[Word] = mapped_column(default="")
    after: Mapped[int] = mapped_column(BigInteger, default=0)
    proposed_by: Mapped[Short]
    proposed: Mapped[Ms]
    decided_by: Mapped[Short] = mapped_column(default="")
    decided: Mapped[Ms] = mapped_column(default=0)
    decided_why: Mapped[Long] = mapped_column(default="")
    seq: Mapped[int] = mapped_column(BigInteger, default=0)
    version: Mapped[int] = mapped_column()
    __mapper_args__ = {"version_id_col": version}
