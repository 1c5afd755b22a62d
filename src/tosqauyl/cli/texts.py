"""The words a person sees in a terminal, in Kazakh, Russian and English.

English texts are the message ids; Kazakh and Russian come from `locale/*/LC_MESSAGES/tosqauyl.po`, compiled by
`scripts/compile_texts.py`. A text is marked for translation by being an argument of `t(...)` or `N_(...)`.
"""

import gettext
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.resources import as_file, files
from itertools import pairwise

from tosqauyl.facts import Reason, Verdict

LANGUAGES = ("kk", "ru", "en")
"""Languages a person can choose, by ISO 639-1 code."""

DOMAIN = "tosqauyl"


def N_(text: str) -> str:
    """Mark a text for translation where it is written down, to be translated where it is shown."""
    return text


class Texts:
    """All texts in one language: `t("Stopped: {n}", n=t.count(5))`.

    An unknown language falls back to English, as does a text that has no translation.
    """

    def __init__(self, language: str) -> None:
        self.language = language if language in LANGUAGES else "en"
        self._catalogue = _catalogue(self.language)

    def __call__(self, text: str, **values: object) -> str:
        """The text in this language with its {names} filled in."""
        found = self._catalogue.gettext(text) if text else ""
        return found.format(**values) if values else found

    def verdict(self, slug: str) -> str:
        """What happened to a call, as one word; an unknown slug as it is."""
        return self(VERDICTS[Verdict(slug)]) if slug in _VERDICT_SLUGS else slug

    def reason(self, slug: str) -> str:
        """Why, in a few words; an unknown slug as it is."""
        return self(REASONS[Reason(slug)]) if slug in _REASON_SLUGS else slug

    def count(self, number: int) -> str:
        """A whole number with thousands set apart as the language does: 12,345 or 12 345."""
        grouped = f"{number:,}"
        return grouped if self.language == "en" else grouped.replace(",", "\N{NO-BREAK SPACE}")

    def decimal(self, number: float, places: int = 1) -> str:
        """A number with a decimal point (English) or comma (Kazakh, Russian)."""
        written = f"{number:,.{places}f}"
        if self.language == "en":
            return written
        return written.replace(",", "\N{NO-BREAK SPACE}").replace(".", ",")

    def pick(self, texts: Mapping[str, str]) -> str:
        """This language's entry of a text that data carries in several languages; English, else any, as fallback."""
        return texts.get(self.language) or texts.get("en") or next(iter(texts.values()), "")


def language_of(arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> str:
    """Language of the help, before anything is parsed: the last --lang that names a language, else the terminal's.

    >>> language_of(["serve", "--help", "--lang", "kk"])
    'kk'
    """
    given = None
    for flag, value in pairwise((*arguments, "")):
        found = value if flag == "--lang" else flag.removeprefix("--lang=")
        if flag.startswith("--lang") and found in LANGUAGES:
            given = found
    return choose_language(given, environment)


def choose_language(flag: str | None, environment: Mapping[str, str] | None = None) -> str:
    """Language of the terminal: the flag, else TOSQAUYL_LANG, else LC_ALL, LC_MESSAGES or LANG, else English.

    >>> choose_language(None, {"LANG": "kk_KZ.UTF-8"})
    'kk'
    """
    environment = os.environ if environment is None else environment
    if flag:
        return flag if flag in LANGUAGES else "en"
    for name in ("TOSQAUYL_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        if value := environment.get(name, ""):  # an empty variable counts as unset (POSIX 8.2)
            code = value.split(".")[0].split("_")[0].split("-")[0].lower()
            return code if code in LANGUAGES else "en"
    return "en"


def _catalogue(language: str) -> gettext.NullTranslations:
    if language == "en":
        return gettext.NullTranslations()
    with as_file(files("tosqauyl") / "locale") as folder:
        return gettext.translation(DOMAIN, folder, [language], fallback=True)


ENGLISH = Texts("en")
"""What the parsers are made with where nobody asked for a language; the reference page is written from these."""


@contextmanager
def spoken_by_argparse(language: str) -> Iterator[None]:
    """Let argparse say its own words (usage, options, what is wrong with an argument) in a language, then as before.

    argparse asks gettext's global domain, and gettext finds its language in LANGUAGE: there is no other public way.
    """
    domain, variable = gettext.textdomain(), os.environ.get("LANGUAGE")
    with as_file(files("tosqauyl") / "locale") as folder:
        gettext.bindtextdomain(DOMAIN, str(folder))
        gettext.textdomain(DOMAIN)
        os.environ["LANGUAGE"] = language
        try:
            yield
        finally:
            gettext.textdomain(domain)
            os.environ.pop("LANGUAGE")
            if variable is not None:
                os.environ["LANGUAGE"] = variable


ARGPARSE = (
    N_("usage: "),
    N_("positional arguments"),
    N_("options"),
    N_("show this help message and exit"),
    N_("%(prog)s: error: %(message)s\n"),
    N_("argument %(argument_name)s: %(message)s"),
    N_("the following arguments are required: %s"),
    N_("unrecognized arguments: %s"),
    N_("invalid choice: %(value)r (choose from %(choices)s)"),
    N_("invalid %(type)s value: %(value)r"),
    N_("expected one argument"),
    N_("ignored explicit argument %r"),
    N_("ambiguous option: %(option)s could match %(matches)s"),
)
"""argparse's own words, as Python 3.11 to 3.14 have them; one that another version words otherwise stays English."""


VERDICTS: dict[Verdict, str] = {
    Verdict.PASS: N_("passed"),
    Verdict.MARK: N_("marked"),
    Verdict.WITHHOLD: N_("number withheld"),
    Verdict.DIVERT: N_("diverted"),
    Verdict.STOP: N_("stopped"),
}
"""What happened to a call, for people."""

REASONS: dict[Reason, str] = {
    Reason.NONE: N_("nothing against it"),
    Reason.FAILED_OPEN: N_("let through after a fault"),
    Reason.FAILED_CLOSED: N_("stopped after a fault"),
    Reason.EMERGENCY_CALL: N_("call to an emergency number"),
    Reason.PROTECTED_CALLER: N_("number that never calls out"),
    Reason.SHORT_CALLER: N_("short number calling from abroad"),
    Reason.EMERGENCY_CALLER: N_("emergency number calling from abroad"),
    Reason.ALLOW_LISTED: N_("on the allow-list"),
    Reason.BLOCK_LISTED: N_("on the block-list"),
    Reason.MARK_LISTED: N_("on the list to be marked"),
    Reason.LATE_FORWARDING: N_("forwarded by a subscriber abroad"),
    Reason.INBOUND_ROAMER: N_("call to a visitor who roams here"),
    Reason.MALFORMED_NUMBER: N_("malformed calling number"),
    Reason.NOT_E164: N_("not an international number"),
    Reason.RESERVE_RANGE: N_("reserve range, nobody's number"),
    Reason.UNALLOCATED_RANGE: N_("range handed to no operator"),
    Reason.FIXED_FROM_ABROAD: N_("Kazakh fixed line calling from abroad"),
    Reason.VOIP_FROM_ABROAD: N_("Kazakh VoIP number calling from abroad"),
    Reason.TOLL_FREE_FROM_ABROAD: N_("toll-free number calling from abroad"),
    Reason.MOBILE_AT_HOME: N_("Kazakh mobile that is at home"),
    Reason.MOBILE_ABROAD: N_("Kazakh mobile that is abroad"),
    Reason.MOBILE_UNKNOWN: N_("Kazakh mobile, place unknown"),
    Reason.HOME_NETWORK_SILENT: N_("home network did not answer"),
    Reason.CALL_CONFIRMED: N_("its operator started this call"),
    Reason.CALL_DENIED: N_("its operator did not start this call"),
    Reason.OUTSIDE_TRUNK_RANGES: N_("number outside the trunk's ranges"),
    Reason.IMPERSONATES_BANK: N_("display name of a bank"),
    Reason.IMPERSONATES_POLICE: N_("display name of the police"),
    Reason.IMPERSONATES_STATE: N_("display name of a state body"),
    Reason.IDENTITIES_DIFFER: N_("two different calling numbers"),
    Reason.CALLER_MISSING: N_("no calling number"),
    Reason.BURST: N_("far too many calls at once"),
    Reason.FAN_OUT: N_("calls to very many numbers"),
    Reason.SEQUENTIAL_DIALLING: N_("dials number after number"),
    Reason.NEIGHBOUR_SPOOFING: N_("number made to look like a neighbour's"),
    Reason.CUSTOM: N_("rule of the operator"),
}
"""Why a call got its verdict, for people, in a few words."""

_VERDICT_SLUGS = frozenset(str(verdict) for verdict in Verdict)
_REASON_SLUGS = frozenset(str(reason) for reason in Reason)
