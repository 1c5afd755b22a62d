"""The office of the demo: console and public page beside the gate, filled with a sample, in the demo's own folder.

It listens on this machine only and lives as long as the demo. Nobody there needs an authenticator, and its tour is on: both stand
in its configuration, which the demo writes and nothing else does. Passwords are random and new in each run.
"""

import os
import secrets
import socket
import sys
import webbrowser
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from tosqauyl.cli.demo_process import Program
from tosqauyl.cli.office_files import LIBRARIES, now, registry_of, shell
from tosqauyl.cli.traffic_mix import Mix, load_mix
from tosqauyl.gate.http.access import TOKEN_BYTES, hashed, new_token
from tosqauyl.journal.append import private_folder
from tosqauyl.texts import Texts

if TYPE_CHECKING:
    from tosqauyl.config.office import OfficeConfig
    from tosqauyl.registry.sample.people import Person
    from tosqauyl.registry.store import Registry

SHOWN = ("sample-supervisor", "sample-analyst")
"""Whose passwords are printed; those of all others are in PEOPLE. The first one can see every step of the tour."""
PEOPLE, TOKEN, WATCHING = "people.tsv", "office.token", "gate.token"
KEY_DAYS = 30
OF_THE_GATE = """
# Made by tosqauyl demo: short segments, so that the console soon has the calls; its figures live; the office's list.
[journal]
rotate_mb = 1

[http]
listen = "127.0.0.1:{http}"

[[client]]
id = "office"
token = "{token}"
scopes = ["metrics"]

[publications]
url = "http://127.0.0.1:{office}"
token_file = "office.token"
"""
OF_THE_OFFICE = """# Made by tosqauyl demo. Never run an office for real with this: it asks nobody for a code.
data = "office"
listen = "127.0.0.1:{office}"

[demo]
tour = true

[session]
second_factor = []

[sms]
file = true

[ledger]
folder = "ledger"
token_keys = ["data/token.key"]

[[gate]]
name = "demo"
url = "http://127.0.0.1:{http}"
token_file = "gate.token"
"""


@dataclass(frozen=True, slots=True)
class Console:
    """Where the console and the public page are, and who can sign in."""

    url: str
    people: "tuple[Person, ...]"

    def at(self, language: str, path: str = "/office/tour") -> str:
        """The address of a page."""
        return f"{self.url}/{language}{path}"


def missing() -> list[str]:
    """Libraries that an office with a ledger needs and that are not installed."""
    return [name for name in (*LIBRARIES, "jinja2", "duckdb", "pyarrow") if find_spec(name) is None]


def with_reported(mix: Mix) -> Mix:
    """The mix and, beside it, calls from the number whose block the tour approves (`data/demo.toml`)."""
    data = files("tosqauyl.cli") / "data"
    texts = [(data / name).read_text("utf-8") for name in ("traffic.toml", "demo.toml")]
    reported = load_mix("\n".join(texts), "demo.toml").classes[-1]
    return replace(mix, classes=(*mix.classes, reported))


def free_ports(count: int) -> tuple[int, ...]:
    """TCP ports of 127.0.0.1 that nobody uses now."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return tuple(int(one.getsockname()[1]) for one in sockets)


def write_settings(folder: Path, gate: Path) -> Path:
    """Have the gate's file (`gate`) name the office, and write the office's own; its path."""
    office, http = free_ports(2)
    token = new_token(secrets.token_bytes(TOKEN_BYTES))
    _write_secret(folder / WATCHING, token)
    with gate.open("a", encoding="utf-8") as file:
        file.write(OF_THE_GATE.format(office=office, http=http, token=hashed(token)))
    config = folder / "office.toml"
    config.write_text(OF_THE_OFFICE.format(office=office, http=http), "utf-8")
    return config


def fill(folder: Path, seed: int) -> "tuple[Person, ...]":
    """Make the office and its sample; who can sign in. One that is there (--data) keeps its records; SHOWN get new passwords."""
    from tosqauyl.config.office import DATABASE_FILE, office_in
    from tosqauyl.registry import keys
    from tosqauyl.registry.vault import add_key

    config = office_in(folder / "office")
    is_new = not (config.data / DATABASE_FILE).exists()
    private_folder(config.data)
    if is_new:
        add_key(config.keys)
    people = _sample(config, seed) if is_new else _again(config)
    with registry_of(config) as registry, registry.work(shell()) as work:
        _, token = keys.add(work, keys.NewKey("centre", "demo gate", "gate", days=KEY_DAYS))
    _write_secret(folder / TOKEN, token)
    if is_new:
        lines = ["\t".join((one.login, one.role, one.organisation, one.password)) for one in people]
        _write_secret(folder / PEOPLE, "\n".join(lines) + "\n")
    return people


def start(folder: Path, config: Path, people: "tuple[Person, ...]", stack: ExitStack) -> Console:
    """Start the office, and what takes the gate's decisions into its ledger; both are ended with the stack, the ledger first.

    The gate must be up. Raises TosqauylError.
    """
    office = Program("office", ("-m", "tosqauyl", "office", "serve", "--config", str(config)), folder)
    stack.callback(office.end)
    words = ("--gate", "demo", "--data", str(folder / "data"), "--ledger", str(folder / "ledger"), "--follow")
    ledger = Program("ledger", ("-m", "tosqauyl", "ledger", "take", *words), folder)
    stack.callback(ledger.end)
    return Console(office.wait_ready().split()[0], people)


def open_browser(address: str, environment: "os._Environ[str] | dict[str, str]" = os.environ) -> bool:
    """Open a browser where somebody sits before a screen; whether one was opened. Never where a program looks on (CI)."""
    sees = sys.platform != "linux" or environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY")
    if environment.get("CI") or not sees or not sys.stdout.isatty():
        return False
    try:
        return webbrowser.open(address)
    except webbrowser.Error:
        return False


def told(console: Console, t: Texts, folder: Path) -> list[tuple[str, str]]:
    """What is said of the office: name and value of each line."""
    lines = [(t("Console and tour"), console.at(t.language)), (t("Public page"), console.at(t.language, "/"))]
    shown = [one for one in console.people if one.login in SHOWN]
    lines += [(t("Sign in as"), f"{one.login}   {one.password}") for one in shown]
    if (folder / PEOPLE).is_file():
        lines.append((t("Everybody else"), str(folder / PEOPLE)))
    return lines


def _sample(config: "OfficeConfig", seed: int) -> "tuple[Person, ...]":
    from tosqauyl.cli.office_upkeep import make_tables
    from tosqauyl.registry.passwords import Passwords
    from tosqauyl.registry.sample.fill import fill as fill_sample
    from tosqauyl.registry.sample.stage import Moments

    moments = Moments(now())
    with registry_of(config, moments) as registry:
        make_tables(registry)
        return tuple(fill_sample(registry, moments, Passwords(config.passwords), seed))


def _again(config: "OfficeConfig") -> "tuple[Person, ...]":
    """New passwords for SHOWN."""
    with registry_of(config) as registry:
        return tuple(map(_renewer(registry, config), SHOWN))


def _renewer(registry: "Registry", config: "OfficeConfig") -> "Callable[[str], Person]":
    from tosqauyl.registry import accounts
    from tosqauyl.registry.passwords import Passwords
    from tosqauyl.registry.sample.people import Person, new_password

    passwords = Passwords(config.passwords)

    def renewed(login: str) -> Person:
        with registry.work(shell()) as work:
            found = accounts.of_login(work, login)
            account, token = accounts.reset(work, found.id, found.version)
        made = Person(account.login, account.role, account.organisation, new_password())
        accounts.set_up(registry, passwords, token, made.password)
        return made

    return renewed


def _write_secret(file: Path, text: str) -> None:
    file.touch(mode=0o600)
    file.chmod(0o600)
    file.write_text(text, "utf-8")
