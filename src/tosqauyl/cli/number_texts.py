"""What `tosqauyl number` says, marked for translation.

The plan (numbers/) knows no languages: its steps carry English templates and the words of its data files. Each of
them stands here once more to be found by scripts/compile_texts.py; tests hold both sides equal, so that a new line of
a data file does not stay in English unnoticed.
"""

from tosqauyl.numbers.explain import Step
from tosqauyl.texts import N_, Texts

STEPS = (
    N_("Blanks, '-', '.', '(' and ')' are only for the eye and are dropped."),
    N_("Written with a plus: country code and national number follow."),
    N_("Written with an international prefix (00, or 810 as dialled in Kazakhstan); it is taken off."),
    N_("Country code without a plus: the digits fit that country's plan."),
    N_("A national number of the +7 zone, with or without the trunk prefix 8."),
    N_("A short number: two to six digits."),
    N_("A name, not a number."),
    N_("No number at all."),
    N_("The caller's number is withheld."),
    N_("Neither a number in any known spelling nor a name."),
    N_("In E.164: {number}"),
    N_("{number} is not on the list of Kazakh short numbers; whose it is, nobody knows."),
    N_("{number}: {what} ({kind})."),
    N_("{number}: {what} ({kind}). The plus in front is a mistake: no country has a number this short."),
    N_("Not a possible number: no country has a code that begins like this."),
    N_("Not a possible number: it has fewer than 7 or more than 15 digits."),
    N_("Code {code} of +7 belongs to Kazakhstan."),
    N_("Code {code} of +7 belongs to Russia."),
    N_("Code {code} of +7 belongs to no single country."),
    N_("Not a possible number: {digits} digits after +7; the plan has {planned}."),
    N_("{what} ({kind}), as of {since}."),
    N_("{place}."),
    N_("{place}; a subscriber there has {digits} digits."),
    N_("Ported: from {giver} to {taker}."),
    N_("Country code {code}: {country}."),
    N_("Country code {code}: no single country."),
    N_("{digits} digits after the country code: possible (possible: {lengths})."),
    N_("{digits} digits after the country code: not possible (possible: {lengths})."),
)
"""Every template of numbers/explain.py."""

KINDS = (
    N_("unknown"),
    N_("fixed"),
    N_("mobile"),
    N_("voip"),
    N_("toll_free"),
    N_("premium"),
    N_("service"),
    N_("short"),
    N_("emergency"),
    N_("unallocated"),
    N_("reserve"),
    N_("shared"),
    N_("foreign"),
    N_("impossible"),
    N_("unassigned"),
)
"""The kinds of facts.KINDS. Shorter than in the policy's vocabulary: the country stands beside them here."""

COUNTRIES = (N_("KZ"), N_("RU"))
"""The two countries of +7 are words where the language is not English; all others stay ISO 3166-1 codes."""

USES = (
    N_("Kazakhstan's by treaty, handed to nobody yet"),
    N_("Both countries assign inside these codes"),
    N_("Toll-free, premium and the like of both countries"),
    N_("Common reserve of Kazakhstan and Russia: nobody's number"),
    N_("Russia's by treaty"),
    N_("Russia's by treaty (Russian mobile networks)"),
    N_("Geographic"),
    N_("No area has this code"),
    N_("T2 (before: Altel, Tele2), Mobile Telecom-Service"),
    N_("Kcell and activ"),
    N_("T2 by the carrier data; doubtful, no second source"),
    N_("Internet telephony, not to be dialled from abroad"),
    N_("No operator has this code"),
    N_("Non-geographic by the plan, no user shown"),
    N_("Government contact centre, the same as 1414"),
)
"""What the codes of plus7.txt are, with a capital as a step begins with it; see NAMES for the rest."""

NAMES = frozenset(("Beeline, KaR-Tel", "Kulan", "Nursat", "Arna", "2Day Telecom", "Darkhan Telecom"))
"""Uses that are nothing but an operator's name: written so in every language."""

SHORTS = (
    N_("fire brigade"),
    N_("police"),
    N_("ambulance"),
    N_("gas emergency service"),
    N_("rescue service, the single emergency number"),
    N_("railway information"),
    N_("town dispatch service"),
    N_("directory enquiries, free"),
    N_("directory enquiries, paid"),
    N_("national help line for children and youth"),
    N_("Kazakhtelecom customer support"),
    N_("Kazakhtelecom repair bureau"),
    N_("Transtelecom contact centre"),
    N_("government contact centre (eGov)"),
)
"""What the numbers of short_codes.txt are."""

PLACES = (
    N_("Karaganda region"),
    N_("Zhezkazgan"),
    N_("West Kazakhstan region"),
    N_("Uralsk"),
    N_("Atyrau region"),
    N_("Atyrau"),
    N_("Aktobe region"),
    N_("Aktobe"),
    N_("Kostanay region"),
    N_("Kostanay"),
    N_("North Kazakhstan region"),
    N_("Petropavlovsk"),
    N_("Akmola region"),
    N_("Kokshetau"),
    N_("Astana"),
    N_("Pavlodar region"),
    N_("Pavlodar"),
    N_("Ekibastuz"),
    N_("Karaganda"),
    N_("Temirtau"),
    N_("East Kazakhstan region"),
    N_("Semey"),
    N_("Ust-Kamenogorsk"),
    N_("Kyzylorda region"),
    N_("Kyzylorda"),
    N_("Turkistan region"),
    N_("Shymkent"),
    N_("Zhambyl region"),
    N_("Taraz"),
    N_("Almaty region"),
    N_("Almaty"),
    N_("Taldykorgan and its region"),
    N_("Taldykorgan"),
    N_("Aktau and its region"),
    N_("Aktau"),
)
"""The names of areas.txt."""

SOURCES = (
    N_("RFC 3966 section 5.1.4"),
    N_("RFC 3966 section 3"),
    N_("RFC 3966 section 3; docs/numbers.md"),
    N_("RFC 3261 section 19.1.1"),
    N_("ITU-T E.164 section 6"),
    N_("metadata; ITU-T E.164 section 6"),
    N_("portability file"),
)
"""Sources that hold words; the tags of SOURCES.md are the same in every language."""

WORDS = frozenset((*KINDS, *COUNTRIES, *USES, *SHORTS, *PLACES))
"""Values of steps that are words; all others are digits, dates, codes and names, and stay as they are."""


def step_text(step: Step, t: Texts) -> str:
    """A step of an explanation in a language."""
    return t(step.template, **{name: t(value) if value in WORDS else value for name, value in step.values.items()})
