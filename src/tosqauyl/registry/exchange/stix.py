"""Published indicators as STIX 2.1 objects: an Indicator, what it speaks of as a cyber-observable, and the relationship of the two.

Ids are ours with another version digit: a version 7 UUID is shown as a version 4 one, which STIX asks for (section 2.9), and
is read back without a table. So repeated exports give the same ids, and an id tells nothing of a number: one made of the
number itself, as the specification proposes for observables, could be undone by trying all numbers, and ids stand in paths and
logs.

A revoked indicator's pattern names its observable by id: what was taken back is not told again.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any
from uuid import UUID

from stix2.v21 import (
    TLP_AMBER,
    TLP_GREEN,
    URL,
    DomainName,
    ExternalReference,
    Identity,
    Indicator,
    Relationship,
    UserAccount,
)  # fmt: skip

from tosqauyl.registry.exchange.extensions import BankAccount, PhoneNumber, Wallet, definitions
from tosqauyl.registry.exchange.page import Entry, Publisher
from tosqauyl.registry.moments import instant
from tosqauyl.registry.taxonomy import schemes

MEDIA_TYPE = "application/stix+json;version=2.1"
SPEC = "2.1"
TYPES = {
    "phone": "phone-number", "iban": "bank-account", "wallet": "cryptocurrency-wallet", "domain": "domain-name", "url": "url",
    "telegram": "user-account",
}  # fmt: skip
"""Kind of observable -> type of cyber-observable."""
NAMES = {
    "phone": "Telephone number", "iban": "Bank account", "wallet": "Wallet", "domain": "Domain", "url": "Web page",
    "telegram": "Telegram account",
}  # fmt: skip
INDICATOR_TYPES = {
    "fraud": "malicious-activity", "suspect": "anomalous-activity", "clean": "benign", "protected": "benign",
}  # fmt: skip
"""Verdict -> indicator-type-ov (STIX 2.1 section 10.11)."""
_TLP = {"green": TLP_GREEN, "amber": TLP_AMBER}
_MAKERS: dict[str, Callable[..., Any]] = {
    "phone": PhoneNumber, "iban": BankAccount, "wallet": Wallet, "domain": DomainName, "url": URL, "telegram": UserAccount,
}  # fmt: skip
_DIGIT = 0xF << 76
KEPT_MADE = 2_048
"""Entries whose objects are kept ready in memory: making them takes half a millisecond each."""


def stix_id(kind: str, own: UUID) -> str:
    """The STIX id of an object of ours."""
    return f"{kind}--{UUID(int=own.int & ~_DIGIT | 0x4 << 76)}"


def own_of(shown: str) -> tuple[str, UUID] | None:
    """Type and id of ours behind a STIX id; None for what is no such id."""
    kind, _, rest = shown.partition("--")
    try:
        value = UUID(rest)
    except ValueError:
        return None
    if str(value) != rest or value.version != 4:
        return None
    return kind, UUID(int=value.int & ~_DIGIT | 0x7 << 76)


@lru_cache(maxsize=KEPT_MADE)
def objects(entry: Entry, publisher: Publisher) -> tuple[str, ...]:
    """What is said of an entry as JSON texts: observable, indicator, relationship; of a revoked one the indicator alone."""
    made = [_indicator(entry, publisher)]
    if not entry.revoked:
        made = [_observable(entry), *made, _relationship(entry, publisher)]
    return tuple(one.serialize() for one in made)


@lru_cache(maxsize=4)
def shared(publisher: Publisher) -> tuple[tuple[str, str, int, str], ...]:
    """What the others refer to: the office, markings, extension definitions, as id, type, version (the moment of `modified`, or of
    `created` where there is none; milliseconds) and JSON text."""
    since = instant(publisher.created)
    office = Identity(
        id=identity_of(publisher), created=since, modified=since, name=publisher.name, identity_class="organization",
    )  # fmt: skip
    made = (*definitions(), office, TLP_GREEN, TLP_AMBER)
    return tuple((str(one["id"]), str(one["type"]), _version(one), one.serialize()) for one in made)


def _version(made: Any) -> int:
    seconds: float = made.get("modified", made["created"]).timestamp()
    return round(seconds * 1_000)


def identity_of(publisher: Publisher) -> str:
    """The office's id."""
    return f"identity--{publisher.id}"


def _observable(entry: Entry) -> Any:
    said = {"id": stix_id(TYPES[entry.kind], entry.observable), "object_marking_refs": [_TLP[entry.tlp]]}
    return _MAKERS[entry.kind](**said, **dict(_properties(entry)))


def _properties(entry: Entry) -> list[tuple[str, str]]:
    if entry.kind == "telegram":
        return [("account_type", "telegram"), ("account_login", entry.value)]
    return [("iban" if entry.kind == "iban" else "value", entry.value)]


def pattern(entry: Entry) -> str:
    """The STIX pattern (STIX 2.1 section 9) that matches the observable."""
    kind = TYPES[entry.kind]
    wanted = [("id", stix_id(kind, entry.observable))] if entry.revoked else _properties(entry)
    tests = (f"{kind}:{name} = '{_quoted(value)}'" for name, value in wanted)
    return f"[{' AND '.join(tests)}]"


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")


def _indicator(entry: Entry, publisher: Publisher) -> Any:
    ends = {"valid_until": instant(entry.valid_until)} if entry.valid_until > entry.valid_from else {}
    scheme = schemes().by_slug.get(entry.scheme)
    title = scheme.titles["en"] if scheme else ""
    return Indicator(
        id=stix_id("indicator", entry.indicator), created_by_ref=identity_of(publisher), created=instant(entry.created),
        modified=instant(entry.added), revoked=entry.revoked, name=f"{NAMES[entry.kind]}: {entry.verdict}",
        description=". ".join(part for part in (title, "Reasons: " + ", ".join(entry.reasons)) if part),
        indicator_types=[INDICATOR_TYPES[entry.verdict]], pattern=pattern(entry), pattern_type="stix",
        valid_from=instant(entry.valid_from), labels=_labels(entry), confidence=entry.confidence, lang="en",
        external_references=_references(entry), object_marking_refs=[_TLP[entry.tlp]], **ends,
    )  # fmt: skip


def _labels(entry: Entry) -> list[str]:
    found = [f"verdict:{entry.verdict}"]
    found += [f"scheme:{entry.scheme}"] if entry.scheme else []
    found += [f"listing:{entry.listing}"] if entry.listing else []
    return found + ([f"half-life-days:{entry.half_life_days}"] if entry.half_life_days else [])


def techniques(scheme: str) -> tuple[str, ...]:
    """Ids of MITRE F3 that a scheme shows."""
    found = schemes().by_slug.get(scheme)
    return found.techniques if found else ()


def _references(entry: Entry) -> list[Any]:
    """Our own id, and the techniques of MITRE F3; those that F3 takes from ATT&CK are named with its address."""
    found = [ExternalReference(source_name="tosqauyl", external_id=str(entry.indicator))]
    for one in techniques(entry.scheme):
        if one.startswith("T"):
            url = f"https://attack.mitre.org/techniques/{one.replace('.', '/')}/"
            found.append(ExternalReference(source_name="mitre-attack", external_id=one, url=url))
        else:
            found.append(ExternalReference(source_name="mitre-f3", external_id=one))
    return found


def _relationship(entry: Entry, publisher: Publisher) -> Any:
    return Relationship(
        id=stix_id("relationship", entry.indicator), created_by_ref=identity_of(publisher), created=instant(entry.created),
        modified=instant(entry.added), relationship_type="based-on", source_ref=stix_id("indicator", entry.indicator),
        target_ref=stix_id(TYPES[entry.kind], entry.observable), object_marking_refs=[_TLP[entry.tlp]],
    )  # fmt: skip
