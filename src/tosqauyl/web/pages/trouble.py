"""What went wrong with a page's request, in words for people: a sentence for the kind of problem, and each field that cannot be."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pydantic import ValidationError

from tosqauyl.texts import N_, Texts
from tosqauyl.web.problems import FieldProblem, Refused

TITLES: dict[str, str] = {
    "malformed": N_("What was sent cannot be read."),
    "no-caller": N_("Nobody is known by this login, password or code."),
    "second-factor": N_("The code of the authenticator is missing."),
    "forbidden": N_("You may not do this."),
    "not-found": N_("There is no such thing, or it is not yours."),
    "method-not-allowed": N_("This page cannot be used so."),
    "not-acceptable": N_("This page cannot be given in that form."),
    "too-slow": N_("It took too long. Please send it again."),
    "conflict": N_(
        "Somebody else changed it meanwhile, or its state does not allow this. Look at it again, then decide."
    ),
    "key-reused": N_("This was sent before."),
    "carried-out": N_("This was done already."),
    "too-large": N_("What was sent is too large."),
    "wrong-type": N_("This kind of file is not taken."),
    "invalid": N_("Something in the form cannot be. It is marked below."),
    "refused": N_("This is refused."),
    "too-many": N_("Too much was asked from here. Please try again in {minutes} min."),
    "failed": N_("Something is broken on our side. It was counted. Please try again later."),
    "unavailable": N_("The office cannot reach its database. Nothing was lost; please try again in a minute."),
}
"""Kind of problem -> what people are told."""

VALUES: dict[str, str] = {
    "missing": N_("This is missing."),
    "string_too_short": N_("This is missing or too short."),
    "string_too_long": N_("This is too long."),
    "literal_error": N_("Choose one of the list."),
    "characters": N_("It has a character that cannot be taken."),
    "too_short": N_("This is missing."),
    "too_long": N_("There are too many."),
    "greater_than_equal": N_("This number is too small."),
    "less_than_equal": N_("This number is too large."),
}
"""Kind of mistake in a value, as pydantic names it -> what people are told; any other is `OTHER`."""
OTHER = N_("This cannot be taken as it is.")


@dataclass(frozen=True, slots=True)
class Trouble:
    """title: what it is; detail, hint: of this case, '' where nobody translated them; fields: (place in the body, what is)."""

    slug: str
    status: int
    title: str
    detail: str = ""
    hint: str = ""
    fields: tuple[tuple[str, str], ...] = ()

    def at(self, *places: str) -> str:
        """What is wrong at one of some places of the body; '' for nothing."""
        return next((what for where, what in self.fields if where in places), "")


def trouble_of(refused: Refused, t: Texts) -> Trouble:
    """What people are told of a refusal."""
    problem = refused.problem
    title = t(TITLES[refused.slug])
    if "{minutes}" in title:
        title = title.format(minutes=max(1, (int(refused.headers.get("Retry-After", "60")) + 59) // 60))
    detail = t.find(problem.detail)  # a test finds fixed texts that have no translation
    fields = tuple((one.where, t.find(one.what) or t(OTHER)) for one in problem.fields)
    hint = "" if fields else t.find(problem.hint)
    return Trouble(refused.slug, problem.status, title, "" if detail in dict(fields).values() else detail, hint, fields)


def refused_for_form(error: ValidationError) -> Refused:
    """The refusal of a form whose values its model does not take."""
    fields = [FieldProblem(where=_pointer(one["loc"]), what=_text(one)) for one in error.errors()]
    return Refused("invalid", fields=fields)


def _text(told: Mapping[str, object]) -> str:
    return VALUES.get(str(told["type"]), OTHER)


def _pointer(loc: Iterable[object]) -> str:
    return "".join(f"/{part}" for part in loc) or "/"
