"""What STIX 2.1 has no type for: telephone numbers, bank accounts, wallets, as new cyber-observables (STIX 2.1 section 7.3), each
with an extension definition of its own. Names and properties are those that OpenCTI uses, so that it takes them as its own.

The definitions belong to the project, not to an office: their ids are the same everywhere and stay.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

from stix2.properties import StringProperty
from stix2.v21 import CustomObservable, ExtensionDefinition, Identity

MADE = "2026-11-28T00:00:00.000Z"
PROJECT = "identity--7b9ed0a5-c3f7-4051-8211-053ca55e5864"
"""Whoever defined the extensions."""


@dataclass(frozen=True, slots=True)
class Extension:
    """A type of our own. property: the one it has."""

    type: str
    definition: str
    property: str
    about: str


PHONE = Extension(
    "phone-number", "extension-definition--01d4e1c7-c0c9-45eb-ac0d-839ec207947d", "value",
    "A telephone number: '+', country code and number (ITU-T E.164), or the digits of a short number.",
)  # fmt: skip
ACCOUNT = Extension(
    "bank-account", "extension-definition--11cab7d6-73b8-4dbf-a66c-b01ea9d6b417", "iban",
    "A bank account by its IBAN (ISO 13616), in capitals without blanks.",
)  # fmt: skip
WALLET = Extension(
    "cryptocurrency-wallet", "extension-definition--28aabc7e-7138-41c0-8f79-8537f8a1766e", "value",
    "An address of Bitcoin, of Ethereum in small letters, or of TRON.",
)  # fmt: skip
EXTENSIONS = (PHONE, ACCOUNT, WALLET)


def _type_of(extension: Extension) -> Any:
    """Its class, registered with the library: once a process, and no two of them with one definition."""

    class Made:
        """A cyber-observable of our own."""

    properties = [(extension.property, StringProperty(required=True))]
    return CustomObservable(extension.type, properties, [extension.property], extension.definition)(Made)


PhoneNumber = _type_of(PHONE)
BankAccount = _type_of(ACCOUNT)
Wallet = _type_of(WALLET)


@cache
def definitions() -> tuple[Any, ...]:
    """The project's identity and the definitions, as objects to be sent along."""
    project = Identity(
        id=PROJECT, created=MADE, modified=MADE, name="Tosqauyl", identity_class="system",
        description="Open-source shield against telephone and internet fraud.",
    )  # fmt: skip
    return project, *(_definition(extension) for extension in EXTENSIONS)


def _definition(extension: Extension) -> Any:
    schema = f"{{type: {extension.type}, {extension.property}: string, required}}. {extension.about}"
    return ExtensionDefinition(
        id=extension.definition, created_by_ref=PROJECT, created=MADE, modified=MADE, name=extension.type,
        description=extension.about, schema=schema, version="1.0.0", extension_types=["new-sco"],
    )  # fmt: skip
