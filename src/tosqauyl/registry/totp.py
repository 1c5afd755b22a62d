"""One-time codes of an authenticator (RFC 6238): six digits, 30 seconds, one step of drift to each side, no step twice."""

import hmac

import pyotp

from tosqauyl.registry.errors import Conflict
from tosqauyl.registry.store import Work
from tosqauyl.registry.tables import Account

STEP_MS = 30_000
DRIFT = 1
"""Steps that a clock may be off (RFC 6238 section 5.2 recommends one)."""
PURPOSE = "account.totp"
ISSUER = "Tosqauyl"
DIGITS = 6


def matched_step(secret: str, code: str, now: int, last: int) -> int:
    """The step whose code this is, later than `last`; 0 for none. now: milliseconds. Every step is compared, in constant time."""
    given, step, found = code.replace(" ", ""), now // STEP_MS, 0
    if len(given) != DIGITS or not (given.isascii() and given.isdigit()):
        return 0
    maker = pyotp.TOTP(secret)
    for one in range(max(step - DRIFT, 0), step + DRIFT + 1):
        same = hmac.compare_digest(maker.generate_otp(one), given)
        found = one if same and one > last else found
    return found


def begin(work: Work, account: Account) -> tuple[str, str]:
    """A new secret for an account, kept sealed and not yet in force; the secret (base 32) and its otpauth: URI.

    Raises Conflict where codes are on already: only an admin takes an authenticator off, so that a stolen session cannot.
    """
    if account.totp_on:
        raise Conflict("codes are on already", hint="an admin can reset them")
    secret = pyotp.random_base32()
    account.totp, account.totp_step = work.vault.seal(secret, PURPOSE), 0
    work.note("totp-begun", "account", account.id)
    return secret, pyotp.TOTP(secret).provisioning_uri(name=account.login, issuer_name=ISSUER)


def take(work: Work, account: Account, code: str) -> bool:
    """Whether a code is right; then its step is used up."""
    if not account.totp:
        return False
    step = matched_step(work.vault.open(account.totp, PURPOSE), code, work.now, account.totp_step)
    if step:
        account.totp_step = step
    return bool(step)
