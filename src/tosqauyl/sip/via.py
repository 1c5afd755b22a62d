"""The Via header (RFC 3261 20.42, RFC 3581): who gets the answer, and which transaction a request belongs to."""

from functools import partial
from typing import NamedTuple

from tosqauyl.sip.text import split_outside


class Via(NamedTuple):
    """One Via value. parts: its pieces between semicolons as sent. rport, received: index in parts, 0 if missing.

    sound: False where a parameter is empty (RFC 4475 3.1.2.1); it is then good for an answer and for nothing else.
    """

    sent_by: str
    branch: str
    parts: list[str]
    rport: int
    received: int
    sound: bool


_made = partial(tuple.__new__, Via)


def read_via(value: str) -> Via | None:
    """Read one Via value; None where it has no protocol or no sent-by."""
    parts = value.split(";") if '"' not in value else split_outside(value, ";") or [""]
    words = parts[0].split()
    if len(words) != 2:
        words = _squeezed(words)
    if len(words) != 2 or words[0].count("/") != 2:
        return None
    branch, rport, received, sound, index = "", 0, 0, True, 0
    rest = iter(parts)
    next(rest)
    for part in rest:
        index += 1
        if part[:7] == "branch=":  # the usual spelling of the general case below, at half its price
            branch = part[7:].strip()
            continue
        if part == "rport":
            rport = index
            continue
        name, _, text = part.partition("=")
        name = name.strip().lower()
        if name == "rport":
            rport = index
        elif name == "branch":
            branch = text.strip()
        elif name == "received":
            received = index
        elif not name:
            sound = False
    return _made((words[1], branch, parts, rport, received, sound))


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
