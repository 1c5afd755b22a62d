"""What an INVITE says about the call, as `Signalled`: the one place where SIP headers become what enrich reads."""

from functools import partial
from typing import Final

from tosqauyl.errors import Fault, FaultKind
from tosqauyl.screen.enrich import Signalled
from tosqauyl.sip.address import is_plain
from tosqauyl.sip.headers import asserted, privacy, redirecting, remote_party
from tosqauyl.sip.message import Request
from tosqauyl.sip.uri import telephone

_UNREADABLE = FaultKind.CALLER_UNREADABLE.value
_HEADER = FaultKind.HEADER_UNREADABLE.value
USER_AGENT_LENGTH: Final = 64
"""Characters of User-Agent that are kept: evidence, not a novel."""
DISPLAY_LENGTH: Final = 128


_made: Final = partial(tuple.__new__, Signalled)  # half the price of the generated __new__


def signalled(request: Request, source: str, at: float, transport: str = "udp") -> Signalled:
    """Read an INVITE that parsed. Headers that cannot be read are left out and named as faults; never raises.

    transport: udp, tcp or tls. P-Preferred-Identity is never read: it is the caller's own wish (RFC 3325 9.2).
    """
    faults: tuple[str, ...] = ()
    display, presented = "", None
    if request.from_uri:
        display, presented = request.from_display, telephone(request.from_uri)
    else:
        faults = (_UNREADABLE,)
    network = None
    if request.asserted is not None:
        network, name, fault = _asserted(request.asserted)
        display = display or name
        if fault:
            faults = (*faults, _UNREADABLE)
    called = telephone(request.uri)
    if not called:
        faults = (*faults, FaultKind.CALLED_UNREADABLE.value)
    said = _made((
        at, request.call_id, request.key, source, transport, network, presented, None, called,
        None, 0, "", display[:DISPLAY_LENGTH], request.user_agent[:USER_AGENT_LENGTH], faults,
    ))  # fmt: skip
    return _with_rare(said, request) if request.has_rare else said


def _asserted(values: list[str]) -> tuple[str | None, str, Fault | None]:
    """Number ('' where the identity has none) and display name of P-Asserted-Identity: the first identity with a number.

    RFC 3325 9.1 allows one sip(s) and one tel URI; the sip one comes first in practice and either is the same number.
    """
    if len(values) == 1 and is_plain(values[0]):  # the common case of what follows
        return telephone(values[0][1:-1]), "", None
    identities, fault = asserted(values)
    for identity in identities:
        number = telephone(identity.uri)
        if number:
            return number, identity.display, fault
    return ("" if identities else None), "", fault


def _with_rare(said: Signalled, request: Request) -> Signalled:
    """Add what the rarer headers say."""
    fields = request.fields
    faults = said.faults
    party = None
    if "remote-party-id" in fields:
        identities, fault = remote_party(fields["remote-party-id"])
        party = telephone(identities[0].uri) if identities else None
        faults = (*faults, _HEADER) if fault else faults
    uris, _, count, fault = redirecting(request)
    faults = (*faults, _HEADER) if fault else faults
    return said._replace(
        remote_party=party,
        redirecting=telephone(uris[0]) if uris else None,
        redirections=count,
        privacy=privacy(fields["privacy"]) if "privacy" in fields else "",
        faults=faults,
    )
