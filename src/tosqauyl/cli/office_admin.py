"""`tosqauyl office`: make an office, serve it, and arrange from its own machine who may do what.

Whoever may run this on the office's machine may read its keys and its database: so nothing more is asked of him than that, and all
he does is in the audit trail as 'shell:NAME'.
"""

import argparse
from collections.abc import Callable
from typing import Any

from tosqauyl.cli import office_sample, office_serve, office_upkeep
from tosqauyl.cli.office_files import add_place, need_office, say, work_in
from tosqauyl.errors import TosqauylError
from tosqauyl.texts import ENGLISH, Texts

ROLES = ("operator", "analyst", "supervisor", "auditor", "bank", "police", "admin")
KINDS = ("operator", "bank", "police", "platform")
KEY_ROLES = ("gate", "operator", "analyst", "supervisor", "auditor", "bank", "police")
"""As registry/words.py and registry/keys.py have them, which a gate's machine cannot import; a test compares."""


def add_parser(subparsers: Any, t: Texts = ENGLISH) -> None:
    """Add `office`."""
    about = t("The office: people report, analysts decide, gates obey. Make one, serve it, say who may do what.")
    parser = subparsers.add_parser("office", help=t("the office of reports and decisions"), description=about)
    verbs = parser.add_subparsers(title=t("commands"), metavar="COMMAND", required=True)
    office_upkeep.add_init(verbs, t)
    office_serve.add_serve(verbs, t)
    _add_account(verbs, t)
    _add_organisation(verbs, t)
    _add_key(verbs, t)
    office_upkeep.add_upkeep(verbs, t)
    office_sample.add_sample(verbs, t)


def _group(verbs: Any, name: str, about: str, t: Texts) -> Any:
    parser = verbs.add_parser(name, help=about, description=about)
    return parser.add_subparsers(title=t("verbs"), metavar="VERB", required=True)


def _verb(
    group: Any, name: str, about: str, run: Callable[[argparse.Namespace], int], t: Texts
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = group.add_parser(name, help=about, description=about)
    add_place(parser, t)
    parser.set_defaults(run=run, texts=t)
    return parser


def _add_account(verbs: Any, t: Texts) -> None:
    group = _group(verbs, "account", t("people who sign in"), t)
    add = _verb(
        group, "add", t("Add an account; prints the token by which its person sets a password."), add_account, t
    )
    add.add_argument("login", metavar="LOGIN", help=t("small letters"))
    add.add_argument("--role", choices=ROLES, required=True, help=t("what the person does"))
    add.add_argument("--organisation", metavar="ID", default="centre", help=t("whose person it is (default: centre)"))
    add.add_argument(
        "--language", choices=("kk", "ru", "en"), default="ru", help=t("language of the person (default: ru)")
    )
    _verb(group, "list", t("List accounts."), list_accounts, t)
    named = (
        ("disable", t("Disable an account; its sessions end at once."), disable_account),
        ("enable", t("Enable a disabled account, or unlock one that failed too often."), enable_account),
        (
            "reset",
            t("Take an account's password away; prints the token by which its person sets another one."),
            reset_account,
        ),
    )
    for name, about, run in named:
        parser = _verb(group, name, about, run, t)
        parser.add_argument("login", metavar="LOGIN", help=t("whose account"))
        if name == "reset":
            parser.add_argument("--codes", action="store_true", help=t("take the authenticator off, too"))


def _add_organisation(verbs: Any, t: Texts) -> None:
    group = _group(verbs, "organisation", t("operators, banks, police, platforms: the tenants"), t)
    add = _verb(group, "add", t("Add an organisation."), add_organisation, t)
    add.add_argument("id", metavar="ID", help=t("a short name of small letters, for good"))
    add.add_argument("--kind", choices=KINDS, required=True, help=t("what it is"))
    add.add_argument("--name", metavar="NAME", required=True, help=t("its name, as people read it"))
    _verb(group, "list", t("List organisations."), list_organisations, t)


def _add_key(verbs: Any, t: Texts) -> None:
    group = _group(verbs, "key", t("keys of programs: gates, switches, systems of banks"), t)
    add = _verb(group, "add", t("Make a key; it is printed this once."), add_key, t)
    add.add_argument("name", metavar="NAME", help=t("what it is for"))
    add.add_argument(
        "--role", choices=KEY_ROLES, required=True, help=t("what the program does; a gate only takes the list")
    )
    add.add_argument("--organisation", metavar="ID", default="centre", help=t("whose program it is (default: centre)"))
    add.add_argument(
        "--scope",
        metavar="SCOPE",
        action="append",
        default=[],
        help=t("only this of what the role may; may be repeated"),
    )
    add.add_argument("--days", metavar="DAYS", type=int, default=365, help=t("until it ends (default: 365)"))
    _verb(group, "list", t("List keys."), list_keys, t)
    revoke = _verb(group, "revoke", t("End a key at once."), revoke_key, t)
    revoke.add_argument("prefix", metavar="PREFIX", help=t("its beginning, as the list shows it"))


def add_account(options: argparse.Namespace) -> int:
    """Print the token on standard output."""
    need_office()
    from tosqauyl.registry import accounts

    with work_in(options) as work:
        wanted = accounts.NewAccount(options.login, options.role, options.organisation, options.language)
        _, token = accounts.add(work, wanted)
    return hand_over(options.texts, options.login, token)


def hand_over(t: Texts, login: str, token: str) -> int:
    """Print a token that sets a password, and what it is for."""
    told = t("The token of {login}, shown this once; within three days it sets a password:", login=login)
    say(told)
    print(token, flush=True)
    return 0


def list_accounts(options: argparse.Namespace) -> int:
    """One account a line: login, role, organisation, what is special."""
    need_office()
    from tosqauyl.registry import accounts

    with work_in(options) as work:
        cursor = None
        while found := accounts.search(work, cursor, 200):
            for one in found[:200]:
                marks = (("disabled", one.disabled), ("codes", one.totp_on), ("locked", one.locked_until > work.now))
                print(one.login, one.role, one.organisation, *(word for word, holds in marks if holds), sep="\t")
            if len(found) <= 200:
                break
            cursor = found[199].id
    return 0


def disable_account(options: argparse.Namespace) -> int:
    """Disable by login."""
    need_office()
    from tosqauyl.registry import accounts

    with work_in(options) as work:
        found = accounts.of_login(work, options.login)
        accounts.disable(work, found.id, found.version)
    return 0


def enable_account(options: argparse.Namespace) -> int:
    """Enable by login."""
    need_office()
    from tosqauyl.registry import accounts

    with work_in(options) as work:
        found = accounts.of_login(work, options.login)
        accounts.enable(work, found.id, found.version)
    return 0


def reset_account(options: argparse.Namespace) -> int:
    """Reset by login; print the token on standard output."""
    need_office()
    from tosqauyl.registry import accounts

    with work_in(options) as work:
        found = accounts.of_login(work, options.login)
        _, token = accounts.reset(work, found.id, found.version, options.codes)
    return hand_over(options.texts, options.login, token)


def add_organisation(options: argparse.Namespace) -> int:
    """Add a tenant."""
    need_office()
    from tosqauyl.registry import accounts

    with work_in(options) as work:
        accounts.add_organisation(work, options.id, options.kind, options.name)
    return 0


def list_organisations(options: argparse.Namespace) -> int:
    """One organisation a line."""
    need_office()
    from tosqauyl.registry import accounts

    with work_in(options) as work:
        for one in accounts.organisations(work):
            print(one.id, one.kind, one.name, sep="\t")
    return 0


def add_key(options: argparse.Namespace) -> int:
    """Print the key on standard output."""
    need_office()
    from tosqauyl.registry import keys

    with work_in(options) as work:
        wanted = keys.NewKey(options.organisation, options.name, options.role, tuple(options.scope), options.days)
        _, secret = keys.add(work, wanted)
    t: Texts = options.texts
    say(t("The key, shown this once. Give it to the program: Authorization: Bearer <key>"))
    print(secret, flush=True)
    return 0


def list_keys(options: argparse.Namespace) -> int:
    """One key a line: prefix, role, organisation, name, scopes, state."""
    need_office()
    from tosqauyl.registry import keys

    with work_in(options) as work:
        for one in keys.search(work, None, 10_000):
            state = "revoked" if one.revoked else "over" if 0 < one.expires <= work.now else "active"
            print(one.prefix, one.role, one.organisation, one.name, one.scopes.replace(" ", ","), state, sep="\t")
    return 0


def revoke_key(options: argparse.Namespace) -> int:
    """Revoke by prefix."""
    need_office()
    from tosqauyl.registry import keys

    with work_in(options) as work:
        found = [one for one in keys.search(work, None, 10_000) if one.prefix == options.prefix]
        if not found:
            raise TosqauylError("there is no such key", options.prefix, "tosqauyl office key list")
        keys.revoke(work, found[0].id)
    return 0
