"""The words of statistics for people, marked for translation; a test holds them together with the tables of the ledger."""

from tosqauyl.texts import N_

DEFINITIONS: dict[str, tuple[str, str, str]] = {
    "attempts": (
        N_("Call attempts"),
        N_("Every call attempt that was judged, whatever its verdict. A repeated SIP message is not a new attempt."),
        N_("Attempts are not people and not crimes: one caller who tries ten times makes ten attempts."),
    ),
    "stopped": (
        N_("Stopped attempts"),
        N_("Call attempts that were refused before the phone rang: the verdict was stop."),
        N_("Attempts are not people and not crimes: one caller who tries ten times makes ten attempts."),
    ),
    "would-stop": (
        N_("Attempts rules in monitor would have stopped"),
        N_(
            "Call attempts that were let through and would have been stopped if the rules in monitor had been enforced."
        ),
        N_("None of these calls was stopped: the rules only watched."),
    ),
    "marked": (
        N_("Marked attempts"),
        N_("Call attempts that went on with a warning to the called party: the verdict was mark."),
        N_("Not proof of fraud: a rule can err. False stops are counted apart."),
    ),
    "withheld": (
        N_("Attempts with the number withheld"),
        N_("Call attempts that went on without showing the calling number: the verdict was withhold."),
        N_("Not proof of fraud: a rule can err. False stops are counted apart."),
    ),
    "diverted": (
        N_("Diverted attempts"),
        N_("Call attempts that were sent elsewhere, for example to an operator who answers: the verdict was divert."),
        N_("Not proof of fraud: a rule can err. False stops are counted apart."),
    ),
    "passed": (
        N_("Passed attempts"),
        N_("Call attempts that went on unchanged: the verdict was pass."),
        N_("Not proof that a call was harmless: it means that no rule was against it."),
    ),
    "failed-open": (
        N_("Attempts let through after a fault"),
        N_(
            "Call attempts that passed because something failed while they were judged, and a fault never stops a call."
        ),
        N_("Not proof that a call was harmless: it means that no rule was against it."),
    ),
    "calls": (
        N_("Distinct calls"),
        N_(
            "Call attempts with redials folded: attempts from one number to one other, each within 10 minutes of "
            "the one before, are one call. It counts where it began; an attempt without a number is a call of its"
            " own."
        ),
        N_("Attempts are not people and not crimes: one caller who tries ten times makes ten attempts."),
    ),
    "stopped-calls": (
        N_("Distinct stopped calls"),
        N_(
            "Stopped attempts with redials folded: stopped attempts from one number to one other, each within 10 "
            "minutes of the one before, are one call. It counts where it began; an attempt without a number is a "
            "call of its own."
        ),
        N_("Not proof of fraud: a rule can err. False stops are counted apart."),
    ),
    "calling-numbers": (
        N_("Calling numbers"),
        N_("Different calling numbers of all attempts; attempts without one are left out."),
        N_(
            "Not the owners of these numbers and not the number of fraudsters: numbers are faked, and one caller "
            "can use many."
        ),
    ),
    "calling-numbers-stopped": (
        N_("Calling numbers stopped"),
        N_("Different calling numbers of stopped attempts; attempts without one are left out."),
        N_(
            "Not the owners of these numbers and not the number of fraudsters: numbers are faked, and one caller "
            "can use many."
        ),
    ),
    "protected-numbers": (
        N_("Called numbers protected"),
        N_(
            "Different called numbers that at least one stopped attempt was meant for. Called numbers are kept as"
            " tokens; after a change of the key a number counts again."
        ),
        N_("Not the number of people saved from a loss: nobody knows who would have believed the caller."),
    ),
    "stopped-share": (
        N_("Share of attempts stopped"),
        N_("Stopped attempts as a part of all attempts that were judged."),
        N_("Not proof of fraud: a rule can err. False stops are counted apart."),
    ),
    "stopped-per-second": (
        N_("Stopped attempts per second"),
        N_("Stopped attempts by the seconds of the window. Days of which nothing at all was recorded are left out."),
        N_("Attempts are not people and not crimes: one caller who tries ten times makes ten attempts."),
    ),
    "stopped-per-day": (
        N_("Stopped attempts per day"),
        N_(
            "Stopped attempts by the days (24 hours) of the window. Days of which nothing at all was recorded are"
            " left out."
        ),
        N_("Attempts are not people and not crimes: one caller who tries ten times makes ten attempts."),
    ),
    "false-stops": (
        N_("False stops"),
        N_(
            "Stopped attempts that are known to be honest. Only calls with a recorded truth can show this "
            "(generated calls, reviewed samples): a stopped call is never answered, so nothing else proves it."
        ),
        N_("Not the false stops of calls whose truth nobody recorded."),
    ),
    "false-stop-share": (
        N_("Share of stops that were false"),
        N_("Stopped attempts known to be honest as a part of the stopped attempts whose truth is known."),
        N_("Not the share among calls whose truth nobody recorded."),
    ),
    "corrected-stops": (
        N_("Stops corrected later"),
        N_(
            "Stopped attempts of a calling number that came through later in the window because it had been put "
            "on the allow-list: stops that somebody found to be wrong."
        ),
        N_("Not all false stops, but the least there were: a wrong stop that nobody complained of is not among them."),
    ),
    "answered-share": (
        N_("Share of calls answered"),
        N_("Attempts that the called party answered as a part of the attempts whose outcome is known."),
        N_("Says nothing of calls whose outcome was not delivered. A stopped call has none."),
    ),
    "mean-duration": (
        N_("Mean duration"),
        N_("Seconds from answer to end, the mean over attempts that were answered and whose duration is known."),
        N_("Not the duration of all attempts: those that nobody answered are left out."),
    ),
}
"""Name, definition, and what it must not be taken for, by slug."""

DIMENSIONS: dict[str, str] = {
    "day": N_("Day"),
    "hour": N_("Hour"),
    "reason": N_("Reason"),
    "rule": N_("Rule"),
    "trunk": N_("Trunk"),
    "carrier": N_("Carrier"),
    "country": N_("Country of the calling number"),
    "operator": N_("Operator of the calling number"),
    "verdict": N_("Verdict"),
    "kind": N_("Kind of the calling number"),
    "origin": N_("Source"),
    "class": N_("Class of generated calls"),
}
"""Dimensions by slug."""

UNITS: dict[str, str] = {
    "attempts": N_("call attempts"),
    "calls": N_("distinct calls, redials folded"),
    "calling-numbers": N_("different calling numbers"),
    "called-numbers": N_("different called numbers"),
    "carriers": N_("carriers"),
    "share": N_("part of the whole, in percent"),
    "seconds": N_("seconds"),
    "per-second": N_("call attempts per second"),
    "per-day": N_("call attempts per 24 hours"),
}
"""What is counted, by slug of the unit."""

FINDINGS: dict[str, str] = {
    "displaced": N_(
        "Displaced: attempts with foreign numbers went from {foreign_before} to {foreign_after} a day, while those with "
        "Kazakh numbers fell from {kazakh_before} to {kazakh_after} a day. Of those, {stopped} a day are stopped."
    ),
    "foreign-rose": N_(
        "Attempts with foreign numbers rose from {foreign_before} to {foreign_after} a day. Those with Kazakh numbers did not "
        "fall ({kazakh_before} to {kazakh_after}), so the rise does not come from them."
    ),
    "fell": N_(
        "Attempts with Kazakh numbers fell from {kazakh_before} to {kazakh_after} a day, and those with foreign numbers did "
        "not rise ({foreign_before} to {foreign_after}): no displacement to foreign numbers is seen."
    ),
    "unchanged": N_(
        "No displacement is seen: attempts with Kazakh numbers {kazakh_before} to {kazakh_after} a day, with foreign numbers "
        "{foreign_before} to {foreign_after}."
    ),
    "not-computable": N_("Not computable."),
}
"""What a displacement came to, by slug of the finding."""

GROUPS: dict[str, str] = {
    "all": N_("All attempts"),
    "kazakh": N_("With Kazakh numbers"),
    "kazakh-stopped": N_("With Kazakh numbers, stopped"),
    "kazakh-passed": N_("With Kazakh numbers, not stopped"),
    "foreign": N_("With foreign numbers"),
    "other": N_("With neither"),
    "total": N_("all together"),
    "origin": N_("source"),
    "rule": N_("rule"),
    "carrier": N_("carrier"),
    "country": N_("country"),
}
"""Groups of displacements and alerts, by slug."""

ALERTS: dict[str, str] = {
    "peak": N_("PEAK"),
    "drop": N_("DROP"),
    "no-data": N_("NO DATA"),
}
"""Alerts by slug."""

SCORECARD: dict[str, tuple[str, str]] = {
    "suspect": (
        N_("Suspect"),
        N_(
            "Attempts stopped, or that rules in monitor would have stopped. The order is by this share (95 %, low end)."
        ),
    ),
    "no-number": (
        N_("No such number"),
        N_("Calling numbers that are unallocated, reserved, short, or of no country."),
    ),
    "short": (N_("Short"), N_("Answered calls that ended within 10 seconds, of all answered ones.")),
}
"""What columns of a scorecard count: name and text by slug."""
SCORECARD_UNIT = N_("call attempts, and parts of them in percent")
DISPLACEMENT_UNIT = N_("call attempts per day, mean of the days that have data")
DISPLACED_IS_NOT = N_("Not proof that the same callers changed their numbers: it fits, no more.")
