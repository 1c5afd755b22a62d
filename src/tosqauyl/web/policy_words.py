"""Words of the policy's pages and routes: what speaks against a promotion, modes, classes, tiers, parts of a rule."""

from tosqauyl.texts import N_

AGAINST: dict[str, str] = {
    "expired": N_("The rule has expired: its last day was {day}."),
    "retracted-by-office": N_("The office has retracted the rule: only the office can give it back."),
    "set-in-configuration": N_("The configuration sets this rule's mode: change it there ({where})."),
    "set-in-configuration.held": N_(
        "The rule was retracted, and the configuration says {mode}: only that can be given back ({where})."
    ),
    "reason": N_("The reason must be one line of at most {most} characters."),
    "reason.canary": N_("Without a canary it needs a reason of at least {least} characters."),
    "off": N_("The rule is off: nobody has watched it. Set it to monitor first."),
    "already": N_("The rule is in {mode} already."),
    "skips-canary": N_("A step is left out: first a canary. Or without one, with a reason."),
    "canary-too-short": N_("The canary has run for {ran} h; it must be {hours} h."),
    "canary-too-short.unknown": N_("Since when the canary runs is not known; it must be {hours} h."),
    "canary-too-short.elsewhere": N_("The gate has {mode} in force, not {words}: the canary has not run."),
    "no-record": N_("There is no back-test of this rule. Make one first."),
    "other-content": N_("The rule was changed since it was back-tested: test it as it is now."),
    "from-the-future": N_("The back-test is from the future: look at the clocks."),
    "too-old": N_("The calls of the back-test are {days} days old; {most} are allowed."),
    "no-calls": N_("The back-test judged no call."),
    "facts-unknown": N_("The rule rests on facts that the back-test did not know for all calls: {facts}."),
    "known-good": N_(
        "It would have hit {n} attempts of callers known to be good. If that is right, type {n} as the number that is accepted."
    ),
    "known-good.unknown": N_(
        "The back-test could not tell numbers known to be good. To go on, type the word unknown as the number that is accepted."
    ),
    "roamers": N_("It would have hit {n} attempts of roamers. If that is right, type {n} as the number that is accepted."),
    "roamers.unknown": N_(
        "The back-test did not know who was abroad. To go on, type the word unknown as the number of roamers that is accepted."
    ),
}  # fmt: skip
"""Of ledger.promotion.SLUGS."""
