"""The office's file, office.toml: its keys, and how they become each part's own options; every mistake with its line."""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from ipaddress import ip_network
from pathlib import Path

from tosqauyl.config.addresses import parse_http
from tosqauyl.config.fields import Fields, printable, rows, section
from tosqauyl.config.keys import Key
from tosqauyl.config.read import Reader, Table, lines_of
from tosqauyl.errors import FileMistakes, TosqauylError
from tosqauyl.registry.guarded_fetch import Guard
from tosqauyl.registry.keys import ROLES_OF_KIND
from tosqauyl.registry.oidc import Provider, RoleOf, check_address
from tosqauyl.registry.passwords import PasswordRules
from tosqauyl.registry.retention import RetentionRules
from tosqauyl.registry.sessions import SessionRules
from tosqauyl.registry.words import ROLES
from tosqauyl.tokens import Tokens, load_key
from tosqauyl.toml_text import read_toml
from tosqauyl.web.office import CallSources, GateAt, Limits, PolicySource
from tosqauyl.web.serve import ServeOptions

KEYS_FILE = "vault.keys"
DATABASE_FILE = "office.db"
DATABASE_VARIABLE = "TOSQAUYL_OFFICE_DATABASE"
"""Environment variable with the database's URL; it wins over the file, which then needs no password in it."""
_R, _S, _P = RetentionRules(), SessionRules(), PasswordRules()

OFFICE_KEYS: tuple[Key, ...] = (
    Key("data", "text", "office", "Folder of the office: the database, if it is SQLite, and the list. Mode 0700."),
    Key("database", "text", "", "Its URL, sqlite:///FILE or postgresql+pg8000://USER@HOST/NAME; '' for office.db in data."),
    Key("password_file", "text", "", "File with the password of the database's user."),
    Key("keys", "text", "", "The vault's key file (0600); '' for vault.keys in data. Keep it where the database is not backed up."),
    Key("listen", "text", "127.0.0.1:8480", "host:port; port 0 picks one. Beyond this machine it needs a certificate or a proxy."),
    Key("public_url", "text", "", "Where browsers reach the office: https://office.example.kz; needed behind a proxy."),
    Key("certificate", "text", "", "Certificate chain (PEM)."),
    Key("key", "text", "", "Its private key (PEM)."),
    Key("proxies", "texts", (), "Addresses of the proxies whose X-Forwarded-For is believed."),
    Key("connections", "integer", 1_000, "Connections at once.", (), 1, 100_000),
    Key("password.length", "integer", _P.length, "Characters of a password, at least.", (), 12, 128),
    Key("password.memory_kb", "integer", _P.memory_kib, "Argon2id: memory of one check, KiB.", (), 8_192, 4_194_304),
    Key("password.passes", "integer", _P.passes, "Argon2id: passes.", (), 1, 100),
    Key("password.lanes", "integer", _P.lanes, "Argon2id: lanes.", (), 1, 64),
    Key("password.at_once", "integer", _P.at_once, "Checks at the same time.", (), 1, 64),
    Key("session.idle_minutes", "integer", _S.idle_minutes, "A session that was not used for so long is over.", (), 1, 1_440),
    Key("session.hours", "integer", _S.hours, "... and in any case after so long.", (), 1, 168),
    Key("session.most", "integer", _S.most, "Sessions of one account; the oldest gives way.", (), 1, 1_000),
    Key("session.second_factor", "texts", _S.second_factor, "Roles that need one-time codes.", ROLES),
    Key("session.free", "integer", _S.free, "Failures in a row before an account is locked.", (), 1, 100),
    Key("session.lock_seconds", "integer", _S.lock_seconds, "The first lock; each further one is twice as long.", (), 1, 3_600),
    Key("session.most_lock_seconds", "integer", _S.most_lock_seconds, "... and at most this long.", (), 1, 86_400),
    Key("limits.body_kb", "integer", 1_024, "Largest body of a request, KiB.", (), 1, 65_536),
    Key("limits.upload_mb", "integer", 64, "Largest file, MiB.", (), 1, 4_096),
    Key("limits.idempotency_hours", "integer", 24, "How long an answer can be asked for again.", (), 1, 168),
    Key("lists.folder", "text", "", "Folder in which gates that may not reach the office find the list; '' for none."),
    Key("webhooks.allow", "texts", (), "Networks beyond the public ones that webhooks may lead to (CIDR)."),
    Key("webhooks.http_loopback", "boolean", False, "Webhooks may lead to this machine by plain http; for trials."),
    Key("sms.file", "boolean", False, "Texts are written to sms.jsonl in data instead of being sent; for trials."),
    Key("ledger.folder", "text", "", "The ledger of decisions, for the pages of calls; '' for none."),
    Key("ledger.memory_mb", "integer", 2_048, "Memory of all queries over it together, MB.", (), 128, 1_048_576),
    Key("ledger.token_keys", "texts", (), "Copies (0600) of the gates' token.key, to find numbers that are kept as tokens."),
    Key("policy.file", "text", "", "The policy that the gates have; '' for the shipped one."),
    Key("policy.good", "text", "", "Calling numbers known to be good, one a line, for back-tests; '' for none."),
    Key("demo.tour", "boolean", False, "Invented records: every page says so, and there is a guided tour. Never for real."),
    Key("gate[].name", "text", None, "What people call a gate whose state is shown live."),
    Key("gate[].url", "text", None, "Its HTTP address: https://gate-1.example.kz:8443, or http:// on this machine."),
    Key("gate[].token_file", "text", "", "File with a token of the scope metrics; '' where it asks for none."),
    Key("gate[].ca", "text", "", "Certificate authority that its certificate is checked against (PEM); '' the system's."),
    Key("oidc.issuer", "text", "", "Identity provider: its issuer, https://...; '' for none."),
    Key("oidc.client_id", "text", "", "What it calls us."),
    Key("oidc.client_secret_file", "text", "", "File with the secret that we show it."),
    Key("oidc.scopes", "text", "openid profile email", "What we ask for."),
    Key("oidc.claim", "text", "groups", "Claim with a person's groups."),
    Key("oidc.login", "text", "preferred_username", "Claim with a person's login."),
    Key("oidc.second_factor", "texts", (), "Values of the claim amr that say it asked for a second factor: mfa, otp, hwk."),
    Key("oidc_role[].value", "text", None, "A group of the identity provider."),
    Key("oidc_role[].role", "text", None, "The role that whoever is in it has here.", ROLES),
    Key("oidc_role[].organisation", "text", "centre", "... in this organisation."),
    *(
        Key(f"retention.{one.name}_days", "integer", one.default, f"How long {one.name} are kept, days; see docs/office.md.", (), 1,
            36_500)
        for one in fields(RetentionRules)
    ),
)  # fmt: skip
"""Every key, in the order of the reference page."""

_Path = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class OfficeConfig:
    """Everything that one office needs to start. Paths are resolved against the file's folder."""

    data: Path = Path("office")
    database: str = ""
    keys: Path = Path("office") / KEYS_FILE
    public_url: str = ""
    serve: ServeOptions = field(default_factory=ServeOptions)
    passwords: PasswordRules = field(default_factory=PasswordRules)
    sessions: SessionRules = field(default_factory=SessionRules)
    retention: RetentionRules = field(default_factory=RetentionRules)
    limits: Limits = field(default_factory=Limits)
    lists: str = ""
    receivers: Guard = field(default_factory=Guard)
    sms_file: bool = False
    provider: Provider | None = None
    calls: CallSources = field(default_factory=CallSources)
    is_demo: bool = False
    policy: PolicySource = field(default_factory=PolicySource)

    @property
    def secure(self) -> bool:
        """Whether browsers reach the office by https."""
        return self.public_url.startswith("https:") if self.public_url else bool(self.serve.certificate)


def office_in(folder: Path, database: str = "") -> OfficeConfig:
    """The configuration of an office that has only a folder. database: its URL, '' for SQLite in the folder."""
    url = database or os.environ.get(DATABASE_VARIABLE, "") or f"sqlite:///{(folder / DATABASE_FILE).resolve()}"
    return OfficeConfig(data=folder, database=url, keys=folder / KEYS_FILE)


def load_office(text: str, file: str) -> OfficeConfig:
    """Read an office's file; raise FileMistakes with every mistake that can be found in one reading."""
    table, places = read_toml(text, file)
    reader = Reader(file, lines_of(places, OFFICE_KEYS), OFFICE_KEYS)
    folder = Path(file).parent

    def path(name: str) -> str:
        return str(folder / name) if name else ""

    config = _config(table, reader, path)
    if reader.mistakes:
        raise FileMistakes(sorted(reader.mistakes, key=lambda mistake: mistake.line))
    return config


def _config(table: Table, reader: Reader, path: _Path) -> OfficeConfig:
    values = reader.section(table, "", "")
    printable(values, reader, "")
    top = Fields(values)
    data, public_url = Path(path(top.text("data"))), top.text("public_url").rstrip("/")
    if public_url and not re.fullmatch(r"https?://[^/?#\s@]+", public_url):
        reader.wrong("public_url", "is no address of a site", "https://office.example.kz, without a path")
    if top.texts("proxies") and not public_url and not top.text("certificate"):  # cookies would not be kept to https
        reader.wrong("public_url", "is missing", "behind a proxy the office must know how browsers reach it")
    limits = Fields(section(table, reader, "limits"))
    return OfficeConfig(
        data=data,
        database=_database(top, reader, path, data),
        keys=Path(path(top.text("keys"))) if top.text("keys") else data / KEYS_FILE,
        public_url=public_url,
        serve=_serve(top, reader, path),
        passwords=_passwords(Fields(section(table, reader, "password"))),
        sessions=_sessions(Fields(section(table, reader, "session"))),
        retention=_retention(Fields(section(table, reader, "retention"))),
        limits=Limits(
            limits.number("body_kb") << 10,
            limits.number("upload_mb") << 20,
            idempotency_hours=limits.number("idempotency_hours"),
        ),
        lists=path(Fields(section(table, reader, "lists")).text("folder")),
        receivers=_receivers(Fields(section(table, reader, "webhooks")), reader),
        sms_file=Fields(section(table, reader, "sms")).flag("file"),
        provider=_provider(table, reader, path, public_url),
        calls=_calls(table, reader, path),
        is_demo=Fields(section(table, reader, "demo")).flag("tour"),
        policy=_policy(table, reader, path),
    )


def _database(top: Fields, reader: Reader, path: _Path, data: Path) -> str:
    """The database's URL with its password. The value is never repeated in a message: it may hold one."""
    url = os.environ.get(DATABASE_VARIABLE, "") or top.text("database")
    if not url:
        return f"sqlite:///{(data / DATABASE_FILE).resolve()}"
    if not url.startswith(("sqlite:///", "postgresql+pg8000://")):
        reader.wrong(
            "database", "is of no database the office knows", "sqlite:///FILE or postgresql+pg8000://USER@HOST/NAME"
        )
        return ""
    secret = _secret(path(top.text("password_file")), reader, "password_file")
    if not secret:
        return url
    from sqlalchemy import make_url

    return make_url(url).set(password=secret).render_as_string(hide_password=False)


def _secret(file: str, reader: Reader, at: str) -> str:
    """The secret in a file of its owner alone; '' where no file is named."""
    if not file:
        return ""
    try:
        mode, text = Path(file).stat().st_mode, Path(file).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reader.wrong(at, f"cannot be read: {getattr(error, 'strerror', '') or 'it is no text'}")
        return ""
    if mode & 0o077:
        reader.wrong(at, "can be read by others", f"chmod 600 {file}")
    if not text:
        reader.wrong(at, "is empty")
    return text


def _serve(top: Fields, reader: Reader, path: _Path) -> ServeOptions:
    host, port = "127.0.0.1", 0
    try:
        host, port = parse_http(top.text("listen"))
    except TosqauylError as error:
        reader.wrong("listen", error.what, error.hint)
    certificate, key = path(top.text("certificate")), path(top.text("key"))
    if bool(certificate) != bool(key):
        missing = "key" if certificate else "certificate"
        reader.wrong(missing, "is missing", "a certificate and its private key go together")
    return ServeOptions(host, port, certificate, key, top.texts("proxies"), top.number("connections"))


def _receivers(said: Fields, reader: Reader) -> Guard:
    networks = []
    for text in said.texts("allow"):
        try:
            networks.append(ip_network(text))
        except ValueError:
            reader.wrong("webhooks.allow", f"'{text}' is no network", "for example 10.20.0.0/16")
    return Guard(tuple(networks), said.flag("http_loopback"))


def _calls(table: Table, reader: Reader, path: _Path) -> CallSources:
    said = Fields(section(table, reader, "ledger"))
    ledger = path(said.text("folder"))
    gates = []
    for at, values in rows(table, reader, "gate"):
        one = Fields(values)
        url = one.text("url").rstrip("/")
        if not re.fullmatch(r"https://[^/?#\s@]+|http://(127\.0\.0\.1|\[::1\]|localhost)(:\d+)?", url):
            reader.wrong(f"{at}.url", "is no https:// address", "https://HOST[:PORT]; plain http on this machine only")
        token = _secret(path(one.text("token_file")), reader, f"{at}.token_file")
        gates.append(GateAt(one.text("name"), url, token, path(one.text("ca"))))
    if len({one.name for one in gates}) < len(gates):
        reader.wrong("gate[].name", "is there twice", "give each gate a name of its own")
    tokens = _token_keys(said.texts("token_keys"), reader, path)
    return CallSources(Path(ledger) if ledger else None, said.number("memory_mb"), tuple(gates), tokens)


def _token_keys(files: tuple[str, ...], reader: Reader, path: _Path) -> tuple[Tokens, ...]:
    """Tokens under each key. A key that is missing is a mistake: a new one would find nothing."""
    found = []
    for name in files:
        try:
            if not Path(path(name)).is_file():
                raise TosqauylError("cannot be read", hint="copy token.key out of the gate's data folder")
            found.append(Tokens(load_key(Path(path(name)))))
        except TosqauylError as error:
            reader.wrong("ledger.token_keys", f"{name}: {error.what}", error.hint)
    return tuple(found)


def _policy(table: Table, reader: Reader, path: _Path) -> PolicySource:
    said = Fields(section(table, reader, "policy"))
    for name in ("file", "good"):
        if said.text(name) and not Path(path(said.text(name))).is_file():
            reader.wrong(f"policy.{name}", "cannot be read", "it is no file")
    return PolicySource(path(said.text("file")), path(said.text("good")))


def _passwords(said: Fields) -> PasswordRules:
    return PasswordRules(
        length=said.number("length"), memory_kib=said.number("memory_kb"), passes=said.number("passes"), lanes=said.number("lanes"),
        at_once=said.number("at_once"),
    )  # fmt: skip


def _sessions(said: Fields) -> SessionRules:
    return SessionRules(
        said.number("idle_minutes"), said.number("hours"), said.number("most"), said.texts("second_factor"), said.number("free"),
        said.number("lock_seconds"), said.number("most_lock_seconds"),
    )  # fmt: skip


def _retention(said: Fields) -> RetentionRules:
    return RetentionRules(**{one.name: said.number(f"{one.name}_days") for one in fields(RetentionRules)})


def _provider(table: Table, reader: Reader, path: _Path, public_url: str) -> Provider | None:
    values = section(table, reader, "oidc")
    printable(values, reader, "oidc")
    said, roles = Fields(values), _roles(table, reader)
    issuer = said.text("issuer")
    if not issuer:
        if roles:
            reader.wrong("oidc.issuer", "is missing", "[[oidc_role]] says what its groups mean")
        return None
    try:
        check_address(issuer)
    except TosqauylError as error:
        reader.wrong("oidc.issuer", error.what)
    for name in ("client_id", "client_secret_file"):
        if not said.text(name):
            reader.wrong(f"oidc.{name}", "is missing", "the identity provider gives it out")
    if not public_url:
        reader.wrong("public_url", "is missing", "the identity provider sends browsers back to it")
    if not roles:
        reader.wrong("oidc.issuer", "lets nobody in", "add an [[oidc_role]] for each group")
    secret = _secret(path(said.text("client_secret_file")), reader, "oidc.client_secret_file")
    return Provider(
        issuer, said.text("client_id"), secret, f"{public_url}/v1/sign-in/sso/callback", said.text("scopes"), said.text("claim"),
        said.text("login"), roles, said.texts("second_factor"),
    )  # fmt: skip


def _roles(table: Table, reader: Reader) -> tuple[RoleOf, ...]:
    found = []
    for at, values in rows(table, reader, "oidc_role"):
        said = Fields(values)
        if said.text("organisation") == "centre" and said.text("role") not in ROLES_OF_KIND["centre"]:
            reader.wrong(f"{at}.role", "is no role of the centre", ", ".join(ROLES_OF_KIND["centre"]))
        found.append(RoleOf(said.text("value"), said.text("role"), said.text("organisation")))
    return tuple(found)
