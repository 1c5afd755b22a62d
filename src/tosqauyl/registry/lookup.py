"""Is this number, link or account known? Answers from what was published alone: active, public indicators and protected identities.

Never said: reports, proposals, how often somebody asked, words that a person wrote for colleagues. What is not found gets the same
answer in the same shape after the same queries, and says that this is no proof of honesty.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import ColumnElement, and_, or_, select

from tosqauyl.registry.errors import Invalid
from tosqauyl.registry.observables import Seen, seen
from tosqauyl.registry.proposals import reasons_of
from tosqauyl.registry.shipped import Titles, shipped, titles
from tosqauyl.registry.store import Work
from tosqauyl.registry.tables import Indicator, Observable, Organisation, ProtectedIdentity
from tosqauyl.state.indicators import Indicators
from tosqauyl.state.lists import load_shipped

PUBLIC_KINDS = ("phone", "iban", "card_token", "wallet", "domain", "url", "telegram")
"""What anybody may ask about."""
KINDS = (*PUBLIC_KINDS, "imei")
"""What a participant may ask about. Nobody asks about IINs here."""
MOST_AT_ONCE = 50
MOST_DOMAINS = 5
"""Domains that a host name is looked up under: itself and those above it."""
OTHER = "other"
_Row = tuple[str, str, str, int, int, str, str]
"""kind, verdict, scheme, since, until, reasons, organisation's name"""
_NOBODY = UUID(int=0)
_WORST_FIRST = ("fraud", "suspect", "protected", "clean")


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked about. kind: of KINDS; value: as somebody wrote it."""

    kind: str
    value: str


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something was published. slug: stable; text: in plain words."""

    slug: str
    text: Titles


@dataclass(frozen=True, slots=True)
class Said:
    """One published indicator. kind: of what it speaks, which of a link may be its domain; since, until: milliseconds; decided_by:
    the organisation's name."""

    kind: str
    verdict: str
    scheme: str
    since: int
    until: int
    reasons: tuple[Reason, ...]
    decided_by: str


@dataclass(frozen=True, slots=True)
class Found:
    """The answer to one question. said: the gravest first; owner: the protected body whose number or site it is, empty for none;
    text: what it comes to, in plain words."""

    known: bool
    said: tuple[Said, ...]
    owner: Titles
    text: Titles


class _Asked(NamedTuple):
    """One question with everything it is looked up under."""

    value: Seen
    under: tuple[Seen, ...]


def check(work: Work, questions: Sequence[Question]) -> list[Found]:
    """An answer to each question, in their order: three indexed queries for all of them, found or not.

    Raises Invalid where a text cannot be such a value (where: "value", of several "/items/<place>/value").
    """
    asked = [_asked(work, one, place, len(questions)) for place, one in enumerate(questions)]
    said, owners = _said(work, asked), _owners(work, asked)
    return [_answer(work, one, said, owners) for one in asked]


@cache
def reason_texts() -> Mapping[str, Titles]:
    """The shipped texts of reasons by slug."""
    return _texts("reasons")


@cache
def _texts(table: str) -> Mapping[str, Titles]:
    return {slug: titles(row, f"lookup.toml: {table}.{slug}") for slug, row in shipped("lookup.toml")[table].items()}


def _asked(work: Work, question: Question, place: int, of: int) -> _Asked:
    try:
        if question.kind not in KINDS:
            raise Invalid("this kind is not looked up", "kind", f"one of {', '.join(KINDS)}")
        value = seen(work.vault, question.kind, question.value)
    except Invalid as error:
        where = error.where if of == 1 else f"/items/{place}/{error.where}"
        raise Invalid(error.what, where, error.hint) from None
    return _Asked(value, tuple(_under(work, value)))


def _under(work: Work, value: Seen) -> Iterable[Seen]:
    """What a value is looked up under: itself; a link also with the other scheme and under its domains; a domain also under those
    above it."""
    yield value
    if value.kind == "url":
        scheme, _, rest = value.value.partition("://")
        other = f"{'http' if scheme == 'https' else 'https'}://{rest}"
        yield Seen("url", other, work.vault.token(other, "observable.url"))
    if value.kind in ("url", "domain"):
        host = urlsplit(value.value).hostname or "" if value.kind == "url" else value.value
        for domain in domains_of(host):
            if domain != value.value:
                yield Seen("domain", domain, work.vault.token(domain, "observable.domain"))


def domains_of(host: str) -> list[str]:
    """A host name and the domains above it, the most specific first; none of an address."""
    try:
        ip_address(host)
    except ValueError:
        labels = host.split(".")
        return [".".join(labels[place:]) for place in range(len(labels) - 1)][-MOST_DOMAINS:]
    return []


def _said(work: Work, asked: Sequence[_Asked]) -> dict[str, list[_Row]]:
    """Token -> what was published of it. Two queries, each by one index and the same whether something is found. Of a join, a
    database that has no statistics yet may begin at the wrong end: with all indicators of an organisation (a second, measured)."""
    tokens = _tokens(work, asked)
    query = (
        select(
            Indicator.observable, Indicator.verdict, Indicator.scheme, Indicator.valid_from, Indicator.valid_until,
            Indicator.reasons, select(Organisation.name).where(Organisation.id == Indicator.organisation).scalar_subquery(),
        )
        .where(Indicator.observable.in_(sorted(tokens) or [_NOBODY]), Indicator.state == "active")
        .where(Indicator.public, Indicator.valid_until > work.now)
        .order_by(Indicator.id.desc())
    )  # fmt: skip
    found: dict[str, list[_Row]] = {}
    for observable, *row in work.db.execute(query):
        kind, token = tokens[observable]
        found.setdefault(token, []).append((kind, *row))
    return found


def _tokens(work: Work, asked: Sequence[_Asked]) -> dict[UUID, tuple[str, str]]:
    """Id -> kind and token of every observable that is asked about and there."""
    by_kind: dict[str, set[str]] = {}
    for one in asked:
        for value in one.under:
            by_kind.setdefault(value.kind, set()).add(value.token)
    wanted: list[ColumnElement[bool]] = [
        and_(Observable.kind == kind, Observable.token.in_(sorted(tokens))) for kind, tokens in by_kind.items()
    ]
    query = select(Observable.id, Observable.kind, Observable.token).where(or_(*wanted))
    return {key: (kind, token) for key, kind, token in work.db.execute(query)}


def _owners(work: Work, asked: Sequence[_Asked]) -> dict[tuple[str, str], str]:
    """(kind, value) -> the protected body that it belongs to."""
    kinds = ("phone", "domain")
    values = {value.value for one in asked for value in one.under if value.kind in kinds and len(value.value) <= 200}
    query = select(ProtectedIdentity.kind, ProtectedIdentity.value, ProtectedIdentity.body).where(
        ProtectedIdentity.kind.in_(kinds), ProtectedIdentity.value.in_(sorted(values)),
        or_(ProtectedIdentity.ended == 0, ProtectedIdentity.ended > work.now),
    )  # fmt: skip
    return {(kind, value): body for kind, value, body in work.db.execute(query)}


def _answer(
    work: Work, asked: _Asked, said: Mapping[str, list[_Row]],
    owners: Mapping[tuple[str, str], str],
) -> Found:  # fmt: skip
    rows = [row for value in asked.under for row in said.get(value.token, ())]
    found = tuple(sorted((_shown(row) for row in rows), key=lambda one: _WORST_FIRST.index(one.verdict)))
    owner = next((owners[key] for key in ((one.kind, one.value) for one in asked.under) if key in owners), "")
    if not owner and asked.value.kind == "phone":
        owner = _shipped_protected(asked.value.value, work.now)
    return Found(bool(found or owner), found, _body(owner) if owner else {}, _text(asked.value.kind, found, owner))


def _shown(row: _Row) -> Said:
    kind, verdict, scheme, since, until, reasons, organisation = row
    texts = reason_texts()
    slugs = dict.fromkeys(one["slug"] if one["slug"] in texts else OTHER for one in reasons_of(reasons))
    if len(slugs) > 1:
        slugs.pop(OTHER, None)
    return Said(kind, verdict, scheme, since, until, tuple(Reason(slug, texts[slug]) for slug in slugs), organisation)


def _text(kind: str, said: Sequence[Said], owner: str) -> Titles:
    """What an answer comes to. Whose it is comes first, unless fraud was seen of it."""
    answers = _texts("answers")
    worst = said[0].verdict if said else ""
    if owner and worst != "fraud":
        body, text = _body(owner), answers["owner-phone" if kind == "phone" else "owner-domain"]
        return {language: text[language].format(body=body[language]) for language in text}
    return answers[worst or "unknown"]


def _body(owner: str) -> Titles:
    """The name of a body: of the shipped list in each language, of anybody else as it was written down."""
    return _texts("bodies").get(owner) or {language: owner for language in ("kk", "ru", "en")}


@cache
def _never_calls() -> Indicators:
    return Indicators(load_shipped())


def _shipped_protected(number: str, now: int) -> str:
    hit = _never_calls().find(number, now / 1000)
    return hit.id if hit.protected else ""
