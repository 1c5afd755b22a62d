"""The Via header (RFC 3261 20.42, RFC 3581): who gets the answer, and which transaction a request belongs to."""

from typing import Final

from tosqauyl.sip.text import split_outside

_USUAL: Final = ("SIP/2.0/UDP ", "SIP/2.0/TCP ", "SIP/2.0/TLS ")


class Via:
    """One Via value. Read-only by agreement.

    value: as sent. has_rport, has_received: whether the parameter is there; rport_at: where ';rport' begins in the value
    if nothing but it and the branch is there, else 0. sound: False where a parameter is empty (RFC 4475 3.1.2.1); it is
    then good for an answer and for nothing else.
    """

    __slots__ = ("branch", "has_received", "has_rport", "rport_at", "sent_by", "sound", "value")

    def __init__(self, value: str, sent_by: str, branch: str, rport_at: int) -> None:
        """A usual value; what is odd about another is set afterwards."""
        self.value, self.sent_by, self.branch, self.rport_at = value, sent_by, branch, rport_at
        self.has_rport, self.has_received, self.sound = rport_at > 0, False, True


def read_via(value: str) -> Via | None:
    """Read one Via value; None where it has no protocol or no sent-by."""
    return _usual(value) or _any(value)


def _usual(value: str) -> Via | None:
    """'SIP/2.0/UDP host:port' with a branch and perhaps an rport, in any order, and nothing else; None for all others."""
    begin = value.find(";")
    at = value.find(";branch=", begin)
    if begin <= 12 or at < 0 or '"' in value or not value.startswith(_USUAL):
        return None
    for place in range(12, begin):
        if not 32 < ord(value[place]) < 127:  # a blank of any kind would end the host
            return None
    end = value.find(";", at + 8)
    if end < 0:
        end = len(value)
    rport = value.find(";rport", begin)
    if len(value) - begin != end - at + (6 if rport > 0 else 0):
        return None
    return Via(value, value[12:begin], value[at + 8 : end].strip(), max(rport, 0))


def _any(value: str) -> Via | None:
    parts = via_parts(value)
    words = parts[0].split()
    if len(words) != 2:
        words = _squeezed(words)
    if len(words) != 2 or words[0].count("/") != 2:
        return None
    via = Via(value, words[1], "", 0)
    for part in parts[1:]:
        name, _, text = part.partition("=")
        name = name.strip().lower()
        if name == "rport":
            via.has_rport = True
        elif name == "branch":
            via.branch = text.strip()
        elif name == "received":
            via.has_received = True
        elif not name:
            via.sound = False
    return via


def via_parts(value: str) -> list[str]:
    """The pieces of a Via between its semicolons, as sent; only the first of them where a quote stays open."""
    return value.split(";") if '"' not in value else split_outside(value, ";") or [""]


def _squeezed(words: list[str]) -> list[str]:
    """'SIP / 2.0 / UDP host : 5060' as two words: RFC 3261 25.1 allows blanks around SLASH and COLON."""
    text = " ".join(words)
    for mark in "/:":
        text = text.replace(" " + mark, mark).replace(mark + " ", mark)
    return text.split(" ")


def split_vias(values: list[str]) -> list[str] | None:
    """One entry a Via: lists with commas taken apart (RFC 3261 7.3.1). None where a piece is no Via."""
    vias: list[str] = []
    for value in values:
        if "," not in value:
            vias.append(value)
            continue
        pieces = split_outside(value, ",") or [""]
        if not all(_is_sound(piece) for piece in pieces):
            return None
        vias += [piece.strip(" \t") for piece in pieces]
    return vias


def _is_sound(value: str) -> bool:
    via = read_via(value)
    return via is not None and via.sound


def split_host(sent_by: str) -> tuple[str, str]:
    """Host (brackets of an IPv6 reference taken off) and port text ('' if none) of 'host:port'."""
    if sent_by[:1] == "[":
        host, _, port = sent_by[1:].partition("]")
        return host, port[1:]
    host, _, port = sent_by.partition(":")
    return host, port
