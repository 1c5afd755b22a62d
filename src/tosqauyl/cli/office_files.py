"""What the commands of the office share: where it is, its registry, and who acts. The office's libraries are imported late."""

import argparse
import getpass
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from tosqauyl.cli.build import read_text
from tosqauyl.errors import TosqauylError
from tosqauyl.texts import Texts

if TYPE_CHECKING:
    from tosqauyl.config.office import OfficeConfig
    from tosqauyl.registry.actor import Actor
    from tosqauyl.registry.store import Registry, Work

KEYS_VARIABLE = "TOSQAUYL_VAULT_KEYS"
"""Environment variable with the text of the vault's key file, where it is in no file."""
LIBRARIES = ("sqlalchemy", "alembic", "fastapi", "argon2", "pyotp", "cryptography", "joserfc", "httpx")
"""What tells whether an office can be run here."""
FOLDER = Path("office")


def need_office() -> None:
    """Raise TosqauylError where the office's libraries are not installed: a gate does without them."""
    missing = [name for name in LIBRARIES if find_spec(name) is None]
    if missing:
        what = f"the office needs {', '.join(missing)}, which is not installed"
        raise TosqauylError(what, hint='python -m pip install "tosqauyl[office]"')


def add_place(parser: argparse.ArgumentParser, t: Texts) -> None:
    """Options that say which office: what `of_place` reads."""
    parser.add_argument("--config", metavar="FILE", help=t("configuration of the office"))
    parser.add_argument("--data", metavar="DIR", type=Path, help=t("folder of an office without a configuration"))


def of_place(options: argparse.Namespace) -> "OfficeConfig":
    """The office that is meant: of --config, else in --data, else of office.toml here. Raises TosqauylError."""
    need_office()
    from tosqauyl.config.office import load_office, office_in

    if options.config:
        return load_office(read_text(options.config), options.config)
    if options.data is not None:
        file = options.data / "office.toml"
        return load_office(read_text(str(file)), str(file)) if file.is_file() else office_in(options.data)
    for file in (Path("office.toml"), FOLDER / "office.toml"):
        if file.is_file():
            return load_office(read_text(str(file)), str(file))
    raise TosqauylError(
        "there is no office.toml here", hint="name one with --config, or make an office: tosqauyl office init"
    )


@contextmanager
def registry_of(config: "OfficeConfig", clock: Callable[[], int] | None = None) -> "Iterator[Registry]":
    """The registry of an office, closed in the end. clock: this machine's if None. Raises TosqauylError."""
    from tosqauyl.registry.rotation import FileVault
    from tosqauyl.registry.store import Registry
    from tosqauyl.registry.vault import Vault, read_keys

    given = os.environ.get(KEYS_VARIABLE, "")
    vault = Vault(read_keys(given, KEYS_VARIABLE)) if given else FileVault(config.keys)
    registry = Registry(config.database, vault, clock or now)
    try:
        yield registry
    finally:
        registry.close()


@contextmanager
def work_in(options: argparse.Namespace) -> "Iterator[Work]":
    """A transaction in the office that is meant, of whoever runs the command. Raises TosqauylError."""
    with registry_of(of_place(options)) as registry, registry.work(shell()) as work:
        yield work


def now() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def shell() -> "Actor":
    """Whoever runs the command: an admin of the centre."""
    from tosqauyl.registry.actor import CENTRE, SCOPES, Actor

    user = "unknown"
    with suppress(KeyError, OSError, ImportError):
        user = getpass.getuser()
    return Actor(f"shell:{user}", CENTRE, role="admin", scopes=frozenset(SCOPES))


def say(text: str) -> None:
    """For whoever runs the command; what a script takes goes to standard output."""
    print(text, file=sys.stderr, flush=True)
