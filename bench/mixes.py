"""Write corpora of INVITEs for bench/load.c, each call with the class of answer it deserves.

usage: mixes.py FOLDER [--seed N] [--count N] [--roamers N]

honest.calls    calls that must never be stopped: foreigners, Russian +7 9xx, roamers, domestic trunks, trunks of unknown
                direction, foreign and Kazakh calls forwarded late by a roamer, calls to roaming numbers (MSRN), withheld callers.
border.calls    a border link on a bad day: two thirds honest foreign calls, one third Kazakh numbers that cannot call from abroad.
roaming.csv     Kazakh mobiles that are abroad now, one E.164 number a line; every other one is at home.

Sources: 127.0.0.2 international, 127.0.0.3 domestic, 127.0.0.5 unknown (as tests/corpora/gate/trunks.toml has them).
Written for this project: the numbers are invented and stand for nobody.
"""

import argparse
import random
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

ABROAD, DOMESTIC, UNKNOWN = "127.0.0.2", "127.0.0.3", "127.0.0.5"
PASSES, STOPS = "3", "6"
MOBILE_CODES = ("700", "701", "702", "705", "707", "708", "747", "771", "775", "776", "777", "778")
ROAMING_CODES = tuple(
    code for code in MOBILE_CODES if code[:2] != "70"
)  # so that a spoofed +770 number never roams by chance
FOREIGN = (
    "+4479~NUMBER~",
    "+9053~NUMBER~",
    "+9989~NUMBER~",
    "+9715~NUMBER~",
    "+86138~NUMBER~",
    "+4915~NUMBER~",
    "+393~NUMBER~",
)
SDP = (
    "v=0\r\no=- {n} {n} IN IP4 203.0.113.9\r\ns=call\r\nc=IN IP4 203.0.113.9\r\nt=0 0\r\n"
    "m=audio 30{n:03d} RTP/AVP 8 0 96\r\na=rtpmap:96 telephone-event/8000\r\na=sendrecv\r\n"
)


class Made(NamedTuple):
    """One call of a mix: where it comes from, who calls whom, what else its header says, the class of answer it deserves."""

    source: str
    caller: str
    called: str
    extra: tuple[str, ...]
    expect: str


Maker = Callable[[random.Random, list[str]], Made]


def _home_number(pick: random.Random) -> str:
    return f"+77{pick.choice(('17', '27', '12', '22'))}{pick.randrange(10**6):06d}"[:8] + f"{pick.randrange(10**4):04d}"


def _called(pick: random.Random) -> str:
    return f"+7{pick.choice(MOBILE_CODES)}{pick.randrange(10**7):07d}"


def foreigner(pick: random.Random, _: list[str]) -> Made:
    """A foreign number, as two calls in three at a border are."""
    return Made(ABROAD, pick.choice(FOREIGN), _called(pick), (), PASSES)


def russian(pick: random.Random, _: list[str]) -> Made:
    """A Russian mobile: +7, and simply foreign."""
    return Made(ABROAD, f"+79{pick.randrange(100):02d}{pick.randrange(10**7):07d}", _called(pick), (), PASSES)


def roamer(pick: random.Random, roamers: list[str]) -> Made:
    """A Kazakh mobile whose home network says that it is abroad."""
    return Made(ABROAD, pick.choice(roamers), _called(pick), (), PASSES)


def domestic_fixed(pick: random.Random, _: list[str]) -> Made:
    """A Kazakh fixed line on a domestic trunk."""
    return Made(DOMESTIC, _home_number(pick), _called(pick), (), PASSES)


def domestic_mobile(pick: random.Random, _: list[str]) -> Made:
    """A Kazakh mobile that is at home, on a domestic trunk."""
    return Made(DOMESTIC, _called(pick), _home_number(pick), (), PASSES)


def unknown_fixed(pick: random.Random, _: list[str]) -> Made:
    """A Kazakh fixed line on a trunk whose direction is not known."""
    return Made(UNKNOWN, _home_number(pick), _called(pick), (), PASSES)


def forwarded_foreigner(pick: random.Random, roamers: list[str]) -> Made:
    """A foreigner's call to a roamer, forwarded by the roamer to a Kazakh number."""
    return Made(ABROAD, pick.choice(FOREIGN), _called(pick), (_diversion(pick.choice(roamers)),), PASSES)


def forwarded_home(pick: random.Random, roamers: list[str]) -> Made:
    """A Kazakh fixed line called a roamer, whose phone forwarded the call late: it comes back from abroad, and is honest."""
    return Made(ABROAD, _home_number(pick), _called(pick), (_diversion(pick.choice(roamers)),), PASSES)


def to_roaming_number(pick: random.Random, _: list[str]) -> Made:
    """A Kazakh number calls a foreigner roaming here: the call comes back from abroad to a roaming number (MSRN)."""
    return Made(ABROAD, _home_number(pick), f"+77019900{pick.randrange(1000):03d}", (), PASSES)


def withheld(pick: random.Random, _: list[str]) -> Made:
    """A caller who withholds the number, as RFC 3323 allows."""
    return Made(ABROAD, "anonymous", _called(pick), ("Privacy: id",), PASSES)


def spoofed_mobile(pick: random.Random, _: list[str]) -> Made:
    """A Kazakh mobile that is at home (or of a code nobody has), shown on a call from abroad."""
    return Made(ABROAD, "+770~NUMBER~", _called(pick), (), STOPS)


def spoofed_fixed(pick: random.Random, _: list[str]) -> Made:
    """A Kazakh fixed line, shown on a call from abroad."""
    return Made(ABROAD, _home_number(pick), _called(pick), (), STOPS)


def spoofed_short(pick: random.Random, _: list[str]) -> Made:
    """A short or emergency number, shown on a call from abroad."""
    return Made(ABROAD, pick.choice(("102", "112", "1414", "103")), _called(pick), (), STOPS)


def reserve(pick: random.Random, _: list[str]) -> Made:
    """A number of the common reserve in +7: nobody's."""
    return Made(ABROAD, f"+7819{pick.randrange(10**7):07d}", _called(pick), (), STOPS)


HONEST: tuple[tuple[int, Maker], ...] = (
    (30, foreigner), (10, russian), (20, roamer), (12, domestic_fixed), (10, domestic_mobile), (5, unknown_fixed),
    (5, forwarded_foreigner), (4, forwarded_home), (2, to_roaming_number), (2, withheld),
)  # fmt: skip
BORDER: tuple[tuple[int, Maker], ...] = (
    (50, foreigner), (12, russian), (5, roamer), (19, spoofed_mobile), (9, spoofed_fixed), (3, spoofed_short), (2, reserve),
)  # fmt: skip
MIXES = {"honest": HONEST, "border": BORDER}


def _diversion(number: str) -> str:
    return f"Diversion: <sip:{number}@203.0.113.9;user=phone>;reason=no-answer;counter=1"


def invite(pick: random.Random, made: Made) -> str:
    """The INVITE of a call as a border SBC would write it: 11 to 16 header fields and a body, about 1.1 KB."""
    number, called = made.caller, made.called
    shown = f"sip:{number}@203.0.113.9;user=phone" if number != "anonymous" else "sip:anonymous@anonymous.invalid"
    names = ("v", "f", "t", "i", "m", "c", "l") if pick.random() < 0.1 else _LONG
    via, from_, to, call_id, contact, kind, length = names
    extra = [
        *made.extra,
        f"{contact}: <sip:203.0.113.9:5060>",
        "Supported: timer, 100rel, path",
        "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, PRACK",
    ]
    extra += [f"{kind}: application/sdp", "User-Agent: border-sbc/4.1"]
    if number != "anonymous" and pick.random() < 0.8:
        extra.append(f"P-Asserted-Identity: <sip:{number}@203.0.113.9;user=phone>")
    if pick.random() < 0.25:
        extra += [
            "Session-Expires: 1800",
            "Min-SE: 120",
            "P-Charging-Vector: icid-value=7f3a9c;orig-ioi=carrier.example",
        ]
    pick.shuffle(extra)
    body = SDP.format(n=pick.randrange(1000))
    fixed = [
        f"INVITE sip:{called}@127.0.0.1;user=phone SIP/2.0",
        f"{via}: SIP/2.0/UDP {made.source}:5060;branch=z9hG4bK-~SERIAL~;rport",
        "Max-Forwards: 68",
        f"{from_}: <{shown}>;tag=a~SERIAL~",
        f"{to}: <sip:{called}@127.0.0.1;user=phone>",
        f"{call_id}: ~SERIAL~-{pick.getrandbits(40):010x}@203.0.113.9",
        "CSeq: 1 INVITE",
    ]
    return "\r\n".join([*fixed, *extra, f"{length}: {len(body)}", "", body])


_LONG = ("Via", "From", "To", "Call-ID", "Contact", "Content-Type", "Content-Length")


def write_corpora(folder: Path, seed: int = 11, count: int = 40_000, roamers: int = 100_000) -> dict[str, Path]:
    """Write every corpus into `folder`; the same arguments give the same bytes. Returns the paths by name."""
    pick = random.Random(seed)
    folder.mkdir(parents=True, exist_ok=True)
    abroad = sorted({f"+7{pick.choice(ROAMING_CODES)}{pick.randrange(10**7):07d}" for _ in range(roamers)})
    paths = {"roaming": folder / "roaming.csv"}
    paths["roaming"].write_text("\n".join(abroad) + "\n")
    for name, mix in MIXES.items():
        makers, weights = [maker for _, maker in mix], [weight for weight, _ in mix]
        paths[name] = folder / f"{name}.calls"
        with paths[name].open("wb") as out:
            for maker in pick.choices(makers, weights, k=count):
                made = maker(pick, abroad)
                text = invite(pick, made).encode()
                out.write(f"{made.source} {made.expect} {len(text)}\n".encode() + text)
    return paths


def main() -> None:
    """Command line."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--seed", type=int, default=11)
    arguments.add_argument("--count", type=int, default=40_000)
    arguments.add_argument("--roamers", type=int, default=100_000)
    options = arguments.parse_args()
    for name, path in write_corpora(options.folder, options.seed, options.count, options.roamers).items():
        print(f"{name}\t{path}")


if __name__ == "__main__":
    main()
