"""The organisations and people of the sample. Each gets a random password, which is told once: there is no default one."""

import secrets
from dataclasses import dataclass, field

from tosqauyl.registry import accounts
from tosqauyl.registry.actor import SYSTEM
from tosqauyl.registry.passwords import Passwords
from tosqauyl.registry.sample.stage import Stage
from tosqauyl.registry.sessions import actor_of

CONSONANTS, VOWELS = "bcdfghjklmnprstvwxz", "aeiou"
PARTS, SYLLABLES = 4, 3


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who can sign in."""

    login: str
    role: str
    organisation: str
    password: str = field(repr=False)


def new_password() -> str:
    """Four words that can be typed, of 78 random bits: 'bafoke-...'."""
    return "-".join(
        "".join(secrets.choice(CONSONANTS) + secrets.choice(VOWELS) for _ in range(SYLLABLES)) for _ in range(PARTS)
    )


def settle(stage: Stage, passwords: Passwords) -> list[Person]:
    """Add everybody, at the stage's present moment."""
    kinds = {"centre": "centre"}
    with stage.registry.work(SYSTEM) as work:
        for one in stage.story["organisation"]:
            accounts.add_organisation(work, one["id"], one["kind"], one["name"])
            kinds[one["id"]] = one["kind"]
    found = []
    for one in stage.story["person"]:
        with stage.registry.work(SYSTEM) as work:
            wanted = accounts.NewAccount(one["login"], one["role"], one["organisation"], one.get("language", "kk"))
            account, token = accounts.add(work, wanted)
        password = new_password()
        accounts.set_up(stage.registry, passwords, token, password)
        stage.actors[account.login] = actor_of(account, kinds[account.organisation])
        stage.accounts[account.login] = account.id
        found.append(Person(account.login, account.role, account.organisation, password))
    return found
