"""The headers that say who calls, who redirected and what is to be kept private.

Every reader takes raw header values and returns (value, fault): a fault means that the header was left out, or only
partly used; the call goes on (RFC 3261 8.2.2: a malformed header nobody needs is ignored).
"""

from tosqauyl.errors import Fault, FaultKind
from tosqauyl.sip.address import NameAddr, name_addr
from tosqauyl.sip.limits import MAX_ADDRESS_VALUES
from tosqauyl.sip.message import Request
from tosqauyl.sip.text import parameter, split_outside

__all__ = ["NameAddr", "asserted", "listed", "name_addr", "parameter", "privacy", "redirecting", "remote_party"]

Addresses = tuple[list[NameAddr], Fault | None]


def _fault(where: str, detail: str) -> Fault:
    return Fault(FaultKind.HEADER_UNREADABLE.value, where, detail[:80])


def listed(values: list[str], where: str) -> Addresses:
    """Every address of a header that may be a list, in order; values that are none are left out with a fault."""
    found: list[NameAddr] = []
    fault = None
    for value in values:
        pieces = [value] if "," not in value else split_outside(value, ",")
        for piece in pieces if pieces is not None else [value]:
            address = name_addr(piece if pieces is not None and len(pieces) == 1 else piece.strip(" \t"))
            if address is None:
                fault = _fault(where, piece)
            elif len(found) == MAX_ADDRESS_VALUES:
                return found, _fault(where, f"more than {MAX_ADDRESS_VALUES} values")
            else:
                found.append(address)
    return found, fault


def asserted(values: list[str]) -> Addresses:
    """P-Asserted-Identity: at most one sip/sips and one tel URI, in that order or the other (RFC 3325 9.1).

    What goes beyond that is not believed: two different SIP identities assert nothing, so none is returned.
    """
    if len(values) == 1 and "," not in values[0]:  # the common case of the general rule below
        address = name_addr(values[0])
        return ([], _fault("p-asserted-identity", values[0])) if address is None else ([address], None)
    found, fault = listed(values, "p-asserted-identity")
    schemes = [_scheme(address.uri) for address in found]
    if len(set(schemes)) < len(schemes):
        return [], _fault("p-asserted-identity", "more than one sip or more than one tel URI")
    return found, fault


def _scheme(uri: str) -> str:
    scheme = uri.partition(":")[0].lower()
    return "sip" if scheme == "sips" else scheme


def remote_party(values: list[str]) -> Addresses:
    """Remote-Party-ID (draft-ietf-sip-privacy-04): the calling party's entries, party=called left out."""
    found, fault = listed(values, "remote-party-id")
    return [
        address for address in found if (parameter(address.params, "party") or "calling").lower() == "calling"
    ], fault


def redirecting(request: Request) -> tuple[list[str], str, int, Fault | None]:
    """Redirecting URIs, last redirecting first; the last one ('' if none); how many redirections; fault.

    Diversion wins (RFC 5806: the topmost is the last; its counter parameters add up, 1 where missing). Else
    History-Info (RFC 7044): the entry that an entry with a cause was retargeted from.
    """
    values = request.fields.get("diversion")
    if values is not None:
        return _diversion(values)
    values = request.fields.get("history-info")
    return ([], "", 0, None) if values is None else _history(values)


def _diversion(values: list[str]) -> tuple[list[str], str, int, Fault | None]:
    found, fault = listed(values, "diversion")
    count = 0
    for address in found:
        counter = parameter(address.params, "counter") or "1"
        count += int(counter) if counter.isascii() and counter.isdigit() and len(counter) <= 3 else 1
    uris = [address.uri for address in found]
    return uris, uris[0] if uris else "", count, fault


def _history(values: list[str]) -> tuple[list[str], str, int, Fault | None]:
    found, fault = listed(values, "history-info")
    indexed = [(_index(parameter(address.params, "index") or ""), address.uri) for address in found]
    by_index = dict(indexed)
    uris: list[str] = []
    for place, (index, uri) in enumerate(indexed):
        if not _has_cause(uri):
            continue
        before = indexed[place - 1][1] if place else None  # where indexes are unusable, order is what is left
        from_whom = by_index.get(index[:-1], before) if len(index) > 1 else before
        if from_whom is None:
            fault = _fault("history-info", "a retargeted entry without the one before it")
        else:
            uris.insert(0, _without_headers(from_whom))
    return uris, uris[0] if uris else "", len(uris), fault


def _index(text: str) -> tuple[int, ...]:
    parts = text.split(".")
    return tuple(int(part) for part in parts) if all(p.isascii() and p.isdigit() and len(p) < 5 for p in parts) else ()


def _has_cause(uri: str) -> bool:
    """Whether the URI tells why it was retargeted to: cause parameter (RFC 4458) or an escaped Reason (RFC 3326)."""
    target = uri.lower()
    return ";cause=" in target or "?reason=" in target or "&reason=" in target


def _without_headers(uri: str) -> str:
    """The URI without '?headers' (History-Info carries Reason and Privacy there)."""
    user, at, host = uri.rpartition("@")
    return user + at + host.partition("?")[0]


def privacy(values: list[str]) -> str:
    """Privacy values (RFC 3323 4.2) in lower case, sorted, joined with ';'. Commas are taken for semicolons."""
    if not values:
        return ""
    words = {word.strip(" \t") for value in values for word in value.lower().replace(",", ";").split(";")}
    return ";".join(sorted(words - {""}))
