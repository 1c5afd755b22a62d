"""The result of a back-test: what all its parts came to, as values that can be shown, exported and put on record."""

from dataclasses import dataclass

from tosqauyl.ledger.backtesting.effect import Example
from tosqauyl.ledger.window import Window


@dataclass(frozen=True, slots=True)
class Amount:
    """Call attempts, and the different calling numbers behind them; calls without one count as attempts only."""

    calls: int = 0
    numbers: int = 0


@dataclass(frozen=True, slots=True)
class FactShare:
    """Of how many of the calls a fact that the policy reads was recorded, derived afterwards, or is not known at all.

    rules: those that read it."""

    name: str
    recorded: int
    derived: int
    unknown: int
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RuleResult:
    """One rule. mode: as tried. hits: calls its condition held for. decides: of those, where it gave the verdict. newly_stopped:
    of those, calls that were let through before. newly_passed: calls that it had stopped, or lets through now.

    would_decide: calls where it would give the verdict with all rules of the policy enforced; good, roamers, honest, fraud are of
    these (as in RuleEffect). unknown: facts it reads that are not known of all calls.
    """

    id: str
    mode: str
    verdict: str
    reason: str
    hits: int
    decides: int
    newly_stopped: Amount
    newly_passed: int
    would_decide: int
    good: Amount
    roamers: int
    honest: int
    fraud: int
    unknown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Truth:
    """What the changes mean where it is known what the calls were. *_before and *_after: calls stopped before, and now."""

    honest: int
    fraud: int
    honest_before: int
    honest_after: int
    fraud_before: int
    fraud_after: int
    honest_newly_stopped: Amount
    fraud_newly_stopped: Amount
    honest_newly_passed: Amount
    fraud_newly_passed: Amount


@dataclass(frozen=True, slots=True)
class Result:
    """A back-test. against: the other policy's name, or `recorded`. modes and against_modes: enforced (as with --enforce) or
    written (as in the policy, the rules of `tried` enforced).

    rows: calls judged. undecided: of those, calls of which no verdict was recorded; they count as let through. matrix: (verdict
    before, verdict now, calls). stopped_roamers: calls of subscribers known to be abroad that would be stopped;
    newly_stopped_roamers: of those, the ones let through before. known_good: newly stopped calls of numbers known to be good; good:
    by why they count as good (GOOD), a call may be in several; good_sources: the ones that these calls can tell. by: dimension
    -> (value, newly stopped, newly passed). top: calling numbers newly stopped most, with the calls.
    """

    policy: str
    policy_hash: str
    against: str
    against_hash: str
    tried: tuple[str, ...]
    modes: str
    against_modes: str
    window: Window
    sources: tuple[str, ...]
    revision: str
    rows: int
    undecided: int
    newly_stopped: Amount
    newly_passed: Amount
    otherwise: Amount
    matrix: tuple[tuple[str, str, int], ...]
    stopped_roamers: Amount
    newly_stopped_roamers: Amount
    known_good: Amount
    good: dict[str, Amount]
    good_sources: tuple[str, ...]
    truth: Truth | None
    rules: tuple[RuleResult, ...]
    by: dict[str, tuple[tuple[str, int, int], ...]]
    top: tuple[tuple[str, int], ...]
    examples: tuple[Example, ...]
    facts: tuple[FactShare, ...]
