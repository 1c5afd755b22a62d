"""`tosqauyl office init`, and what keeps an office in order: upgrade, rotate, restored, retention, check."""

import argparse
import getpass
import os
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tosqauyl.cli.build import read_text
from tosqauyl.cli.office_files import (
    FOLDER,
    KEYS_VARIABLE,
    add_place,
    need_office,
    now,
    of_place,
    registry_of,
    say,
    shell,
)
from tosqauyl.errors import TosqauylError
from tosqauyl.journal.append import private_folder
from tosqauyl.texts import N_, Texts

if TYPE_CHECKING:
    from tosqauyl.config.office import OfficeConfig
    from tosqauyl.registry.store import Registry

SOON_MS = 14 * 86_400_000
"""A key that ends within this is told."""
CONFIG = "office.toml"

FOUND: dict[str, tuple[str, str]] = {
    "folder": (N_("the folder is its owner's alone"), N_("chmod 700 {where}")),
    "keys": (N_("the vault's keys can be read, by their owner alone"), N_("{error}")),
    "database": (N_("the database can be reached"), N_("{error}")),
    "current": (N_("its tables are of this version"), N_("tosqauyl office upgrade")),
    "admin": (N_("the centre has an admin with one-time codes on"), N_("sign in as one and set an authenticator up")),
    "sealed": (N_("everything is sealed under the newest key"), N_("tosqauyl office rotate goes on where it stopped")),
    "expiring": (
        N_("no key of a program ends within two weeks"),
        N_("tosqauyl office key list shows them, key add makes new ones"),
    ),
}
"""What `office check` looks at, and what to mend."""


def add_init(verbs: Any, t: Texts) -> None:
    """Add `init`."""
    about = t("Make an office: its folder, the vault's key, the tables, and a first admin, without a default password.")
    parser = verbs.add_parser("init", help=t("make an office"), description=about)
    parser.add_argument("--data", metavar="DIR", type=Path, default=FOLDER, help=t("its folder (default: office)"))
    parser.add_argument("--database", metavar="URL", default="", help=t("its database (default: SQLite in the folder)"))
    parser.add_argument(
        "--admin", metavar="LOGIN", default="", help=t("ask for the password of the first admin, with this login")
    )
    parser.add_argument("--password-file", metavar="FILE", help=t("read that password from a file instead of asking"))
    parser.set_defaults(run=init, texts=t)


def add_upkeep(verbs: Any, t: Texts) -> None:
    """Add what keeps an office in order."""
    told = (
        ("upgrade", t("Bring the tables up to this version."), upgrade),
        (
            "rotate",
            t("Make a new key for the vault and seal everything again under it; goes on where it was stopped."),
            rotate,
        ),
        (
            "restored",
            t("After a backup was put back: give the list another name, so that gates fetch it whole."),
            restored,
        ),
        ("retention", t("Let go of what is older than the configuration says."), retention),
        (
            "check",
            t("See whether the office is in order. Exit code: 0 all is well, 1 something is not, 2 trouble."),
            check,
        ),
    )
    for name, about, run in told:
        parser = verbs.add_parser(name, help=about, description=about)
        add_place(parser, t)
        parser.set_defaults(run=run, texts=t)
        if name == "retention":
            parser.add_argument("--dry-run", action="store_true", help=t("only count"))


def init(options: argparse.Namespace) -> int:
    """Make what is not there yet; print the admin's token on standard output. A second time it changes nothing."""
    need_office()
    from tosqauyl.config.office import office_in
    from tosqauyl.registry.vault import add_key

    t: Texts = options.texts
    private_folder(options.data)
    config = of_place(argparse.Namespace(config=None, data=options.data))
    if options.database:
        config = office_in(options.data, options.database)
    if not config.keys.exists() and not os.environ.get(KEYS_VARIABLE):
        add_key(config.keys)
        say(t("The vault's key: {file}. Keep a copy where the database's backups are not.", file=config.keys))
    with registry_of(config) as registry:
        make_tables(registry)
        _write_config(options.data / CONFIG, options.database)
        _tighten(config)
        return _first_admin(options, config, registry)


def make_tables(registry: "Registry") -> None:
    """The tables of a new office, with what is shipped: protected identities, figures that others published."""
    from tosqauyl.registry import official, protected
    from tosqauyl.registry.actor import SYSTEM
    from tosqauyl.registry.migrate import create

    create(registry.engine, secrets.token_hex(16), registry.clock())
    with registry.work(SYSTEM) as work:
        protected.seed(work)
        official.seed(work)


def _write_config(file: Path, database: str) -> None:
    """A configuration that says where everything is; the database's password is never written into it."""
    if file.exists():
        return
    from sqlalchemy import make_url

    lines = ['data = "."']
    if database and not database.startswith("sqlite:"):
        url = make_url(database)
        lines.append(f'database = "{url._replace(password=None).render_as_string()}"')
        lines += ['password_file = "database.password"'] if url.password else []
    elif database:
        lines.append(f'database = "{database}"')
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    if database and make_url(database).password:
        secret = file.with_name("database.password")
        secret.touch(mode=0o600)
        secret.write_text(str(make_url(database).password), encoding="utf-8")


def _tighten(config: "OfficeConfig") -> None:
    """SQLite makes its files by the umask."""
    from tosqauyl.config.office import DATABASE_FILE

    for name in (DATABASE_FILE, f"{DATABASE_FILE}-wal", f"{DATABASE_FILE}-shm"):
        if (config.data / name).is_file():
            (config.data / name).chmod(0o600)


def _first_admin(options: argparse.Namespace, config: "OfficeConfig", registry: "Registry") -> int:
    from sqlalchemy import select

    from tosqauyl.registry import accounts
    from tosqauyl.registry.passwords import Passwords
    from tosqauyl.registry.tables import Account

    t: Texts = options.texts
    with registry.work(shell()) as work:
        if work.db.scalars(select(Account.id).limit(1)).first() is not None:
            say(t("The office is there already, and has accounts: nothing was changed."))
            return 0
        login = options.admin or "admin"
        password = _password(options, t) if options.admin else ""
        passwords = Passwords(config.passwords)
        if password:
            passwords.check(password, login)
        _, token = accounts.add(work, accounts.NewAccount(login, "admin", "centre"))
    if password:
        accounts.set_up(registry, passwords, token, password)
        say(t("The admin {login} can sign in.", login=login))
        return 0
    say(t("The token of {login}, shown this once; within three days it sets a password:", login=login))
    print(token, flush=True)
    return 0


def _password(options: argparse.Namespace, t: Texts) -> str:
    if options.password_file:
        return read_text(options.password_file).rstrip("\r\n")
    if not sys.stdin.isatty():
        raise TosqauylError("there is no terminal to ask for the password at", "--admin", "--password-file FILE")
    first, second = getpass.getpass(t("Password: ")), getpass.getpass(t("Again: "))
    if first != second:
        raise TosqauylError("the two are not the same", "--admin")
    return first


def upgrade(options: argparse.Namespace) -> int:
    """Bring the tables up to date."""
    config = of_place(options)
    from tosqauyl.registry.migrate import create, is_current

    t: Texts = options.texts
    with registry_of(config) as registry:
        was = is_current(registry.engine)
        create(registry.engine, secrets.token_hex(16), now())
    say(t("The tables were of this version already.") if was else t("The tables are of this version now."))
    return 0


def rotate(options: argparse.Namespace) -> int:
    """Make a new key, unless a rotation was stopped before its end; seal everything again."""
    config = of_place(options)
    from tosqauyl.registry.rotation import FileVault, rotate, waiting
    from tosqauyl.registry.vault import add_key

    t: Texts = options.texts
    with registry_of(config) as registry:
        if waiting(registry):
            say(t("A rotation was stopped before its end: going on."))
        else:
            vault = registry.vault
            if not isinstance(vault, FileVault):
                raise TosqauylError(
                    "its text is in the environment", KEYS_VARIABLE, "add a line there, then give this again"
                )
            key = add_key(config.keys)
            vault.refresh()
            with registry.work(shell()) as work:
                work.note("key-added", "vault", key)
            say(t("The new key {key} is in {file}. The old ones must stay there.", key=key, file=config.keys))

        def tell(table: str, done: int, count: int) -> None:
            say(t("{table}: {done} of {count}", table=table, done=t.count(done), count=t.count(count)))

        values = rotate(registry, tell)
    say(t("{count} values were sealed again.", count=t.count(values)))
    return 0


def restored(options: argparse.Namespace) -> int:
    """Give the list of publications another name."""
    config = of_place(options)
    from tosqauyl.registry import publish

    t: Texts = options.texts
    with registry_of(config) as registry, registry.work(shell()) as work:
        publish.rename(work, secrets.token_hex(16))
    say(t("The list has another name. Gates fetch it whole when the office serves again."))
    return 0


def retention(options: argparse.Namespace) -> int:
    """One class a line: name, days, what was done, rows."""
    config = of_place(options)
    from tosqauyl.registry.retention import run

    with registry_of(config) as registry:
        for one in run(registry, config.retention, options.dry_run):
            print(one.name, one.days, one.verb, one.rows, *(("more",) if one.more else ()), sep="\t")
    return 0


def check(options: argparse.Namespace) -> int:
    """Look, tell, and 0 or 1."""
    config, t, wrong = of_place(options), options.texts, 0
    for slug, right, values in _looked(config):
        what, mend = FOUND[slug]
        print(f"{t(N_('ok')) if right else t(N_('wrong'))}: {t(what)}", flush=True)
        if not right:
            wrong += 1
            print(f"    {t(mend, **values)}", flush=True)
    print(t("{wrong} wrong", wrong=wrong))
    return 1 if wrong else 0


def _looked(config: "OfficeConfig") -> Iterator[tuple[str, bool, dict[str, object]]]:
    """What was found: slug, whether it is right, values for what to mend. It ends where nothing more can be seen."""
    from tosqauyl.registry.rotation import FileVault

    folder = config.data
    yield "folder", folder.is_dir() and not folder.stat().st_mode & 0o077, {"where": folder}
    try:
        if not os.environ.get(KEYS_VARIABLE):
            FileVault(config.keys)
    except TosqauylError as error:
        yield "keys", False, {"error": error}
        return
    yield "keys", True, {}
    with registry_of(config) as registry:
        yield from _looked_in(registry)


def _looked_in(registry: "Registry") -> Iterator[tuple[str, bool, dict[str, object]]]:
    from sqlalchemy import func, select

    from tosqauyl.registry.migrate import is_current
    from tosqauyl.registry.rotation import waiting
    from tosqauyl.registry.store import told
    from tosqauyl.registry.tables import Account, ApiKey

    try:
        with told():
            current = is_current(registry.engine)
    except TosqauylError as error:
        yield "database", False, {"error": error}
        return
    yield "database", True, {}
    yield "current", current, {}
    if not current:
        return
    with registry.read(shell()) as work:
        count = (
            select(func.count()).select_from(Account).where(Account.organisation == "centre", Account.role == "admin")
        )
        admins = work.db.scalars(count.where(Account.disabled.is_(False), Account.totp_on.is_(True))).one()
        ending = select(func.count()).select_from(ApiKey).where(ApiKey.revoked == 0)
        soon = work.db.scalars(ending.where(ApiKey.expires.between(work.now, work.now + SOON_MS))).one()
    yield "admin", admins > 0, {}
    yield "sealed", not waiting(registry), {}
    yield "expiring", soon == 0, {}
