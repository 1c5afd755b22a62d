"""Single sign-on by OpenID Connect (Core 1.0 section 3.1): the authorization code flow with PKCE (RFC 7636), state and nonce, of
one provider. What the provider says is fetched within limits, over https or from this machine, and believed only by its
signature.

    begin(...)      where to send the browser, and what to keep of it, sealed, until it comes back
    finish(...)     who came back; raises Unknown for whatever is not as it must be
    account_of      the account of that person, made where the configuration gives it a role
"""

import base64
import hashlib
import hmac
import json
import re
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from sqlalchemy import select

from tosqauyl.errors import TosqauylError
from tosqauyl.registry.accounts import LOGIN, NewAccount, add
from tosqauyl.registry.errors import RegistryError, Unavailable
from tosqauyl.registry.keys import ROLES_OF_KIND, owned
from tosqauyl.registry.moments import HOUR
from tosqauyl.registry.sessions import Unknown
from tosqauyl.registry.store import Work
from tosqauyl.registry.tables import Account
from tosqauyl.registry.vault import Vault

ALGORITHMS = ("RS256", "PS256", "ES256", "ES384", "Ed25519", "EdDSA")
"""Signatures that are believed: none is 'none', none is made with a secret that both sides have."""
MOST_BYTES = 256 << 10
TIMEOUT = 5.0
LEEWAY = 60
"""Seconds that the two clocks may differ."""
PENDING_MS = 10 * 60_000
"""How long somebody may take at the provider."""
FRESH_MS = HOUR
"""How long the provider's description and keys are believed."""
AGAIN_MS = 60_000
"""How often keys are fetched again for a key id that is not among them."""
_PURPOSE = "oidc.pending"


@dataclass(frozen=True, slots=True)
class RoleOf:
    """Whoever has `value` in the claim gets this role in this organisation."""

    value: str
    role: str
    organisation: str


@dataclass(frozen=True, slots=True)
class Provider:
    """An identity provider. claim: which claim names the groups; roles: the first that fits counts; second_factor: values of the
    claim `amr` (RFC 8176) that say that it asked for a second factor; none named: our own codes are asked for."""

    issuer: str
    client_id: str
    client_secret: str
    redirect: str
    scopes: str = "openid profile email"
    claim: str = "groups"
    login: str = "preferred_username"
    roles: tuple[RoleOf, ...] = ()
    second_factor: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Person:
    """Who came back from the provider. groups: values of the claim; login: what it calls the person."""

    issuer: str
    subject: str
    login: str
    groups: tuple[str, ...]
    second_factor: bool


@dataclass(frozen=True, slots=True)
class _Described:
    authorize: str
    token: str
    keys: str
    tells_issuer: bool
    at: int


class Relying:
    """The office as a client of its provider. client: for tests. clock: milliseconds since 1970. Raises TosqauylError where the
    provider's address is neither https nor of this machine."""

    def __init__(
        self, provider: Provider, vault: Vault, clock: Callable[[], int], client: httpx.Client | None = None
    ) -> None:
        check_address(provider.issuer)
        self.provider, self._vault, self._clock = provider, vault, clock
        self._client = client or httpx.Client(timeout=TIMEOUT, follow_redirects=False, trust_env=False)
        self._described: _Described | None = None
        self._keys: tuple[KeySet, int] | None = None
        self._lock = threading.Lock()

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()

    def begin(self) -> tuple[str, str]:
        """The address to send the browser to, and what its cookie keeps meanwhile. Raises Unavailable, Unknown."""
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "response_type": "code", "client_id": self.provider.client_id, "redirect_uri": self.provider.redirect,
            "scope": self.provider.scopes, "state": state, "nonce": nonce, "code_challenge": challenge,
            "code_challenge_method": "S256",
        }  # fmt: skip
        pending = json.dumps([state, nonce, verifier, self._clock() + PENDING_MS])
        sealed = base64.urlsafe_b64encode(self._vault.seal(pending, _PURPOSE)).decode()
        where = self._description().authorize
        return f"{where}{'&' if '?' in where else '?'}{urlencode(asked)}", sealed

    def finish(self, kept: str, answered: Mapping[str, str]) -> Person:
        """Who came back. kept: of the cookie; answered: the query that the browser brought. Raises Unknown, Unavailable."""
        state, nonce, verifier = self._pending(kept)
        if not hmac.compare_digest(state.encode(), answered.get("state", "").encode("utf-8", "replace")):
            raise _refused("the answer belongs to another sign-in")
        described = self._description()
        issuer = answered.get("iss", "")  # RFC 9207: whose answer it is
        if (issuer or described.tells_issuer) and issuer != self.provider.issuer:
            raise _refused("the answer is of another provider")
        if not answered.get("code"):
            raise _refused("the provider did not let this person in")
        token = self._token(described, answered["code"], verifier)
        return self._person(self._claims(token), nonce)

    def _pending(self, kept: str) -> tuple[str, str, str]:
        try:
            text = self._vault.open(base64.urlsafe_b64decode(kept.encode()), _PURPOSE)
            state, nonce, verifier, until = json.loads(text)
        except (TosqauylError, ValueError):
            raise _refused("no sign-in was begun here") from None
        if until <= self._clock():
            raise _refused("it took too long")
        return state, nonce, verifier

    def _token(self, described: _Described, code: str, verifier: str) -> str:
        form = {
            "grant_type": "authorization_code", "code": code, "redirect_uri": self.provider.redirect, "code_verifier": verifier,
        }  # fmt: skip
        answer = self._json("POST", described.token, form)
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise _refused("the provider gave no id token")
        return token

    def _claims(self, token: str) -> dict[str, Any]:
        """The claims of a token that the provider signed. Its keys are fetched once more where none of them made the signature."""
        keys, at = self._key_set()
        try:
            return jwt.decode(token, keys, ALGORITHMS).claims
        except (JoseError, ValueError) as error:
            if self._clock() - at < AGAIN_MS:
                raise _refused("the token is not signed by the provider") from error
        with self._lock:
            self._keys = None
        try:
            return jwt.decode(token, self._key_set()[0], ALGORITHMS).claims
        except (JoseError, ValueError) as error:
            raise _refused("the token is not signed by the provider") from error

    def _person(self, claims: dict[str, Any], nonce: str) -> Person:
        """OpenID Connect Core 1.0 section 3.1.3.7."""
        wrong = wrong_claim(claims, self.provider, nonce, self._clock() // 1000)
        if wrong:
            raise _refused(wrong)
        methods = claims.get("amr")
        given = {one for one in methods if isinstance(one, str)} if isinstance(methods, list) else set()
        login = claims.get(self.provider.login)
        groups = claims.get(self.provider.claim)
        named = tuple(str(one) for one in groups) if isinstance(groups, list) else (str(groups),) if groups else ()
        return Person(
            self.provider.issuer, str(claims["sub"]), login.lower() if isinstance(login, str) else "", named,
            bool(given & set(self.provider.second_factor)),
        )  # fmt: skip

    def _description(self) -> _Described:
        with self._lock:
            if self._described is None or self._clock() - self._described.at >= FRESH_MS:
                url = self.provider.issuer.rstrip("/") + "/.well-known/openid-configuration"
                said = self._json("GET", url)
                if said.get("issuer") != self.provider.issuer:
                    raise _refused("the provider calls itself by another name")
                places = [str(said.get(f"{name}_endpoint", "")) for name in ("authorization", "token")]
                places.append(str(said.get("jwks_uri", "")))
                try:
                    for place in places:
                        check_address(place)
                except TosqauylError as error:
                    raise _refused("the provider names an address that is not https") from error
                tells = said.get("authorization_response_iss_parameter_supported") is True
                self._described = _Described(places[0], places[1], places[2], tells, self._clock())
            return self._described

    def _key_set(self) -> tuple[KeySet, int]:
        where = self._description().keys
        with self._lock:
            if self._keys is None or self._clock() - self._keys[1] >= FRESH_MS:
                said = self._json("GET", where)
                try:
                    self._keys = KeySet.import_key_set(said), self._clock()  # type: ignore[arg-type]
                except (JoseError, ValueError, KeyError, TypeError):
                    raise _refused("the provider's keys cannot be read") from None
            return self._keys

    def _json(self, method: str, url: str, form: dict[str, str] | None = None) -> dict[str, Any]:
        """An object of the provider, within the limits. A redirect is no answer."""
        auth = httpx.BasicAuth(self.provider.client_id, self.provider.client_secret) if form else None
        try:
            with self._client.stream(
                method, url, data=form, auth=auth, headers={"Accept": "application/json"}
            ) as answer:
                body = b""
                for part in answer.iter_bytes():
                    body += part
                    if len(body) > MOST_BYTES:
                        raise _refused("the provider's answer is too long")
        except httpx.HTTPError as error:
            what = f"the identity provider does not answer: {type(error).__name__}"
            raise Unavailable(what, hint="sign in with a password meanwhile") from None
        if answer.status_code >= 500:
            raise Unavailable(f"the identity provider answers {answer.status_code}")
        try:
            said = json.loads(body) if answer.status_code == 200 else None
        except (ValueError, RecursionError):
            said = None
        if not isinstance(said, dict):
            raise _refused(f"the provider refused ({answer.status_code})")
        return said


def wrong_claim(claims: Mapping[str, Any], provider: Provider, nonce: str, now: int) -> str:
    """What is wrong with the claims of a token whose signature is right, '' if nothing. now: seconds."""
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    expires, issued, subject = _time(claims.get("exp")), _time(claims.get("iat")), claims.get("sub")
    given = claims.get("nonce")
    checks = (
        (claims.get("iss") == provider.issuer, "the token is of another issuer"),
        (provider.client_id in audiences, "the token is for somebody else"),
        (len(audiences) == 1 or claims.get("azp") == provider.client_id, "the token is for several, and not for us"),
        (claims.get("azp", provider.client_id) == provider.client_id, "the token was given to somebody else"),
        (now - LEEWAY < expires, "the token is over"),
        (0 < issued <= now + LEEWAY, "the token is of the future"),
        (isinstance(given, str) and hmac.compare_digest(given.encode("utf-8", "replace"), nonce.encode()),
         "the token belongs to another sign-in"),
        (isinstance(subject, str) and 0 < len(subject) <= 200, "the token names nobody"),
    )  # fmt: skip
    return next((why for right, why in checks if not right), "")


def account_of(work: Work, provider: Provider, person: Person) -> Account:
    """The account of somebody the provider vouches for: known by issuer and subject, else made with the role of the groups.

    Role and organisation follow the provider each time; who has no group of ours any more does not come in. Raises Unknown.
    """
    role = next((one for one in provider.roles if one.value in person.groups), None)
    query = select(Account).where(Account.issuer == person.issuer, Account.subject == person.subject)
    found = work.db.scalars(query.with_for_update()).first()
    if role is None or (found is not None and found.disabled):
        raise _refused("this person has no role here")
    if found is None:
        login = (
            person.login
            if _is_login(person.login)
            else "sso-" + hashlib.sha256(person.subject.encode()).hexdigest()[:16]
        )
        wanted = NewAccount(login, role.role, role.organisation, issuer=person.issuer, subject=person.subject)
        try:
            found, _ = add(work, wanted)
        except RegistryError as error:
            raise _refused(f"no account can be made: {error.what}") from None
        work.db.flush()
    elif (found.role, found.organisation) != (role.role, role.organisation):
        if role.role not in ROLES_OF_KIND[owned(work, role.organisation).kind]:
            raise _refused(f"nobody has the role {role.role} in an organisation of this kind")
        work.note("role-changed", "account", found.id, f"{found.role} to {role.role}, by the identity provider")
        found.role, found.organisation = role.role, role.organisation
    return found


def check_address(url: str) -> None:
    """Raise TosqauylError where an address is neither https nor of this machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        host, parts = "", urlsplit("")
    near = parts.scheme == "http" and host in ("127.0.0.1", "::1", "localhost")
    if not host or not (parts.scheme == "https" or near) or parts.username or parts.fragment:
        raise TosqauylError("the identity provider's address must be https://", "oidc.issuer")


def _is_login(text: str) -> bool:
    return re.fullmatch(LOGIN, text) is not None


def _time(value: object) -> float:
    """Seconds since 1970; 0 for what is no time."""
    right = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1 << 40
    return value if right else 0  # type: ignore[return-value]


def _refused(what: str) -> Unknown:
    return Unknown(what, "single sign-on")
