"""ONE table of definitions: what each figure counts, in words and as SQL, and which columns it takes.

A figure is nothing without its definition: the same 66.9 million was quoted as "since launch", "in half a year" and "in nine
months". Commands, charts, reports and docs/statistics.md name definitions by their slug; `ledger/texts.py` has the same
texts marked for translation, and a test holds both together.
"""

from dataclasses import dataclass

from tosqauyl.errors import TosqauylError
from tosqauyl.ledger.columns import names
from tosqauyl.ledger.figures import Unit

STOPPED = "verdict = 'stop'"
WOULD_STOP = "would_verdict = 'stop' AND verdict <> 'stop'"
KAZAKH = "(caller_country = 'KZ' OR caller_kind IN ('short', 'emergency'))"
"""SQL: whether the calling number is one of the Kazakh plan, allocated or not."""
FOREIGN = "(caller_country NOT IN ('KZ', '') AND caller_kind NOT IN ('short', 'emergency'))"
"""SQL: whether the calling number is one of another country."""
NO_NUMBER = "caller_kind IN ('short', 'emergency', 'reserve', 'unallocated', 'unassigned', 'impossible')"
"""SQL: whether nobody can have that calling number, or nobody calls from it."""
TRUTH_KNOWN = "truth IN ('honest', 'fraud')"
_DAILY = frozenset(names("daily"))


SOURCES = ("calls", "folded", "folded-stops", "allowed-later", "ended")
"""Which rows a definition looks at: all; with `starts` 1 where a call begins, redials folded, of all or of stopped attempts;
those of numbers that were on the allow-list later (`allowed_at`); those whose outcome is known (`answered`, `duration`)."""


@dataclass(frozen=True, slots=True)
class Definition:
    """One row of the table.

    name, text, is_not: for people, in English: two or three words; what is counted; what it must not be taken for.
    columns: of `calls`, that the figure cannot do without. rows: which rows it looks at (`SOURCES`). where: which of them.
    count: the aggregate; of: the one that it is a part of, '' for none: shares and means are divided by it, and where it is 0 the
    figure is not computable. scale: what the quotient is multiplied by. per: seconds of covered time that it is divided by, 0
    for none. watched: rule and reason are those of rules in monitor. outcomes: column of `outcomes` that is missing where
    `of` is 0, '' for none.
    """

    slug: str
    unit: Unit
    name: str
    text: str
    is_not: str
    columns: tuple[str, ...]
    where: str = "TRUE"
    count: str = "count(*)"
    of: str = ""
    rows: str = "calls"
    scale: float = 1.0
    per: float = 0.0
    watched: bool = False
    outcomes: str = ""

    @property
    def is_total(self) -> bool:
        """Whether the values of its parts add up to the value of the whole: true of attempts and calls."""
        return self.unit in (Unit.ATTEMPTS, Unit.CALLS)

    @property
    def outlives_calls(self) -> bool:
        """Whether it can still be told where calls were removed and only their counts stay (table `daily`)."""
        return self.rows == "calls" and "DISTINCT" not in self.count and _DAILY.issuperset(self.columns)


def counted_if(condition: str) -> str:
    """The aggregate that counts rows for which something holds; 0 of none, on every engine."""
    return f"count(CASE WHEN {condition} THEN 1 END)"


def attempts_if(condition: str, table: str = "calls") -> str:
    """The aggregate that counts attempts for which something holds. table: hours or daily, whose rows are counts of attempts."""
    return counted_if(condition) if table == "calls" else f"sum(CASE WHEN {condition} THEN attempts ELSE 0 END)"


NOT_PEOPLE = "Attempts are not people and not crimes: one caller who tries ten times makes ten attempts."
NOT_FRAUD = "Not proof of fraud: a rule can err. False stops are counted apart."
NOT_OWNERS = (
    "Not the owners of these numbers and not the number of fraudsters: numbers are faked, and one caller can use many."
)
NOT_SAVED = "Not the number of people saved from a loss: nobody knows who would have believed the caller."
NOT_DONE = "None of these calls was stopped: the rules only watched."
NOT_HARMLESS = "Not proof that a call was harmless: it means that no rule was against it."

_TABLE = (
    Definition(
        "attempts",
        Unit.ATTEMPTS,
        "Call attempts",
        "Every call attempt that was judged, whatever its verdict. A repeated SIP message is not a new attempt.",
        NOT_PEOPLE,
        (),
    ),
    Definition(
        "stopped",
        Unit.ATTEMPTS,
        "Stopped attempts",
        "Call attempts that were refused before the phone rang: the verdict was stop.",
        NOT_PEOPLE,
        ("verdict",),
        STOPPED,
    ),
    Definition(
        "would-stop",
        Unit.ATTEMPTS,
        "Attempts rules in monitor would have stopped",
        "Call attempts that were let through and would have been stopped if the rules in monitor had been enforced.",
        NOT_DONE,
        ("verdict", "would_verdict"),
        WOULD_STOP,
        watched=True,
    ),
    Definition(
        "marked",
        Unit.ATTEMPTS,
        "Marked attempts",
        "Call attempts that went on with a warning to the called party: the verdict was mark.",
        NOT_FRAUD,
        ("verdict",),
        "verdict = 'mark'",
    ),
    Definition(
        "withheld",
        Unit.ATTEMPTS,
        "Attempts with the number withheld",
        "Call attempts that went on without showing the calling number: the verdict was withhold.",
        NOT_FRAUD,
        ("verdict",),
        "verdict = 'withhold'",
    ),
    Definition(
        "diverted",
        Unit.ATTEMPTS,
        "Diverted attempts",
        "Call attempts that were sent elsewhere, for example to an operator who answers: the verdict was divert.",
        NOT_FRAUD,
        ("verdict",),
        "verdict = 'divert'",
    ),
    Definition(
        "passed",
        Unit.ATTEMPTS,
        "Passed attempts",
        "Call attempts that went on unchanged: the verdict was pass.",
        NOT_HARMLESS,
        ("verdict",),
        "verdict = 'pass'",
    ),
    Definition(
        "failed-open",
        Unit.ATTEMPTS,
        "Attempts let through after a fault",
        "Call attempts that passed because something failed while they were judged, and a fault never stops a call.",
        NOT_HARMLESS,
        ("reason",),
        "reason = 'failed-open'",
    ),
    Definition(
        "calls",
        Unit.CALLS,
        "Distinct calls",
        "Call attempts with redials folded: attempts from one number to one other, each within 10 minutes of the one "
        "before, are one call. It counts where it began; an attempt without a number is a call of its own.",
        NOT_PEOPLE,
        ("caller", "called"),
        "starts = 1",
        rows="folded",
    ),
    Definition(
        "stopped-calls",
        Unit.CALLS,
        "Distinct stopped calls",
        "Stopped attempts with redials folded: stopped attempts from one number to one other, each within 10 minutes of "
        "the one before, are one call. It counts where it began; an attempt without a number is a call of its own.",
        NOT_FRAUD,
        ("verdict", "caller", "called"),
        "starts = 1",
        rows="folded-stops",
    ),
    Definition(
        "calling-numbers",
        Unit.CALLING_NUMBERS,
        "Calling numbers",
        "Different calling numbers of all attempts; attempts without one are left out.",
        NOT_OWNERS,
        ("caller",),
        "caller <> ''",
        "count(DISTINCT caller)",
    ),
    Definition(
        "calling-numbers-stopped",
        Unit.CALLING_NUMBERS,
        "Calling numbers stopped",
        "Different calling numbers of stopped attempts; attempts without one are left out.",
        NOT_OWNERS,
        ("verdict", "caller"),
        f"{STOPPED} AND caller <> ''",
        "count(DISTINCT caller)",
    ),
    Definition(
        "protected-numbers",
        Unit.CALLED_NUMBERS,
        "Called numbers protected",
        "Different called numbers that at least one stopped attempt was meant for. Called numbers are kept as tokens; "
        "after a change of the key a number counts again.",
        NOT_SAVED,
        ("verdict", "called"),
        f"{STOPPED} AND called <> ''",
        "count(DISTINCT called)",
    ),
    Definition(
        "stopped-share",
        Unit.SHARE,
        "Share of attempts stopped",
        "Stopped attempts as a part of all attempts that were judged.",
        NOT_FRAUD,
        ("verdict",),
        count=counted_if(STOPPED),
        of="count(*)",
    ),
    Definition(
        "stopped-per-second",
        Unit.PER_SECOND,
        "Stopped attempts per second",
        "Stopped attempts by the seconds of the window. Days of which nothing at all was recorded are left out.",
        NOT_PEOPLE,
        ("verdict",),
        STOPPED,
        per=1.0,
    ),
    Definition(
        "stopped-per-day",
        Unit.PER_DAY,
        "Stopped attempts per day",
        "Stopped attempts by the days (24 hours) of the window. Days of which nothing at all was recorded are left out.",
        NOT_PEOPLE,
        ("verdict",),
        STOPPED,
        per=86400.0,
    ),
    Definition(
        "false-stops",
        Unit.ATTEMPTS,
        "False stops",
        "Stopped attempts that are known to be honest. Only calls with a recorded truth can show this (generated calls, "
        "reviewed samples): a stopped call is never answered, so nothing else proves it.",
        "Not the false stops of calls whose truth nobody recorded.",
        ("verdict", "truth"),
        f"{STOPPED} AND {TRUTH_KNOWN}",
        counted_if("truth = 'honest'"),
        "count(*)",
    ),
    Definition(
        "false-stop-share",
        Unit.SHARE,
        "Share of stops that were false",
        "Stopped attempts known to be honest as a part of the stopped attempts whose truth is known.",
        "Not the share among calls whose truth nobody recorded.",
        ("verdict", "truth"),
        f"{STOPPED} AND {TRUTH_KNOWN}",
        counted_if("truth = 'honest'"),
        "count(*)",
    ),
    Definition(
        "corrected-stops",
        Unit.ATTEMPTS,
        "Stops corrected later",
        "Stopped attempts of a calling number that came through later in the window because it had been put on the "
        "allow-list: stops that somebody found to be wrong.",
        "Not all false stops, but the least there were: a wrong stop that nobody complained of is not among them.",
        ("verdict", "caller", "listed"),
        f'{STOPPED} AND "at" < allowed_at',
        rows="allowed-later",
    ),
    Definition(
        "answered-share",
        Unit.SHARE,
        "Share of calls answered",
        "Attempts that the called party answered as a part of the attempts whose outcome is known.",
        "Says nothing of calls whose outcome was not delivered. A stopped call has none.",
        ("call_id",),
        "answered <> 'unknown'",
        counted_if("answered = 'yes'"),
        "count(*)",
        rows="ended",
        outcomes="answered",
    ),
    Definition(
        "mean-duration",
        Unit.SECONDS,
        "Mean duration",
        "Seconds from answer to end, the mean over attempts that were answered and whose duration is known.",
        "Not the duration of all attempts: those that nobody answered are left out.",
        ("call_id",),
        "answered = 'yes' AND duration >= 0",
        "sum(CAST(floor(duration * 1000.0 + 0.5) AS BIGINT))",
        "count(*)",
        rows="ended",
        scale=0.001,
        outcomes="duration",
    ),
)

DEFINITIONS: dict[str, Definition] = {one.slug: one for one in _TABLE}
"""Every definition by its slug, in the order they are listed."""


@dataclass(frozen=True, slots=True)
class Dimension:
    """What figures are broken down by. column: of `calls`, '' for a time. watched: the column for rules in monitor.

    name: for people, in English.
    """

    slug: str
    name: str
    column: str = ""
    watched: str = ""

    @property
    def is_time(self) -> bool:
        """Whether its values are days or hours, in their order."""
        return not self.column

    @property
    def outlives_calls(self) -> bool:
        """Whether the counts that stay of removed calls have it."""
        return self.is_time or self.column in _DAILY

    def column_for(self, definition: Definition) -> str:
        """The column that it means for a definition; '' for a time."""
        return self.watched if definition.watched and self.watched else self.column


DIMENSIONS: dict[str, Dimension] = {
    one.slug: one
    for one in (
        Dimension("day", "Day"),
        Dimension("hour", "Hour"),
        Dimension("reason", "Reason", "reason", "would_reason"),
        Dimension("rule", "Rule", "rule", "would_rule"),
        Dimension("trunk", "Trunk", "trunk"),
        Dimension("carrier", "Carrier", "carrier"),
        Dimension("country", "Country of the calling number", "caller_country"),
        Dimension("operator", "Operator of the calling number", "caller_operator"),
        Dimension("verdict", "Verdict", "verdict", "would_verdict"),
        Dimension("kind", "Kind of the calling number", "caller_kind"),
        Dimension("origin", "Source", "origin"),
        Dimension("class", "Class of generated calls", "kind"),
    )
}
"""Every dimension by its slug. day and hour are local ones of the window's zone."""


def definition_of(slug: str) -> Definition:
    """A definition by its slug. Raises TosqauylError that names those there are."""
    try:
        return DEFINITIONS[slug]
    except KeyError:
        raise TosqauylError(
            f"there is no definition {slug!r}", "stats", "tosqauyl stats list; " + ", ".join(DEFINITIONS)
        ) from None


def dimension_of(slug: str) -> Dimension:
    """A dimension by its slug. Raises TosqauylError that names those there are."""
    try:
        return DIMENSIONS[slug]
    except KeyError:
        raise TosqauylError(f"there is no dimension {slug!r}", "--by", ", ".join(DIMENSIONS)) from None


def missing_of(definition: Definition, recorded: frozenset[str], dimension: Dimension | None = None) -> tuple[str, ...]:
    """Columns that the figure takes and the ledger does not have throughout the window."""
    wanted = list(definition.columns)
    if dimension and not dimension.is_time:
        wanted.append(dimension.column_for(definition))
    return tuple(dict.fromkeys(one for one in wanted if one not in recorded and one != "origin"))
