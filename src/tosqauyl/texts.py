"""The words that people see, in Kazakh, Russian and English: in a terminal and on pages.

English texts are the message ids; Kazakh and Russian come from `locale/*/LC_MESSAGES/*.po`, compiled by `scripts/compile_texts.py`.
A text is marked for translation by being an argument of `t(...)` or `N_(...)`, in Python and in templates. There is one catalogue
for the commands and one for the pages, which knows the words of the first as well.
"""

import gettext
from collections.abc import Mapping
from importlib.resources import as_file, files

from tosqauyl.facts import Reason, Verdict

LANGUAGES = ("kk", "ru", "en")
"""Languages a person can choose, by ISO 639-1 code."""

DOMAIN = "tosqauyl"
"""The catalogue of the commands."""
PAGES = "pages"
"""The catalogue of the pages."""


def N_(text: str) -> str:
    """Mark a text for translation where it is written down, to be translated where it is shown."""
    return text


class Texts:
    """All texts in one language: `t("Stopped: {n}", n=t.count(5))`.

    An unknown language falls back to English, as does a text that has no translation.
    """

    def __init__(self, language: str, catalogue: str = DOMAIN) -> None:
        self.language = language if language in LANGUAGES else "en"
        self._catalogue = _catalogue(self.language, catalogue)

    def __call__(self, text: str, **values: object) -> str:
        """The text in this language with its {names} filled in."""
        found = self._catalogue.gettext(text) if text else ""
        return found.format(**values) if values else found

    def find(self, text: str) -> str:
        """The text in this language; '' where it was not translated."""
        found = self._catalogue.gettext(text) if text else ""
        return found if self.language == "en" or found != text else ""

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


def _catalogue(language: str, name: str) -> gettext.NullTranslations:
    if language == "en":
        return gettext.NullTranslations()
    with as_file(files("tosqauyl") / "locale") as folder:
        found = gettext.translation(name, folder, [language], fallback=True)
        if name != DOMAIN:
            found.add_fallback(gettext.translation(DOMAIN, folder, [language], fallback=True))
    return found


ENGLISH = Texts("en")
"""What the parsers are made with where nobody asked for a language; the reference page is written from these."""


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
