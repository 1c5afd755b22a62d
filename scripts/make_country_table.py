"""Write src/tosqauyl/numbers/data/countries.txt from the metadata of the `phonenumbers` package.

usage: python scripts/make_country_table.py [FILE]

The product never imports `phonenumbers`; it reads the table this script leaves behind. Lengths are generous on
purpose: for each country code the union over all its regions and all types of number (a false "impossible" is a
false block), but without the lengths that can only be dialled inside a town. A leading part of the national number
is given to a smaller region of a shared code (+1, +44, +590, ...) only where no other region of the code has numbers
under it; the rest goes to the code's main country, under +1 to nobody.
"""

import re._constants as op  # type: ignore[import-not-found]
import re._parser as parser  # type: ignore[import-not-found]
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import phonenumbers
from phonenumbers import PhoneMetadata
from phonenumbers.data import _COUNTRY_CODE_TO_REGION_CODE as REGIONS

TARGET = Path(__file__).parent.parent / "src/tosqauyl/numbers/data/countries.txt"
TYPES = ("fixed_line", "mobile", "toll_free", "premium_rate", "shared_cost", "personal_number", "voip", "pager", "uan")
AREA_CODE, DEPTH = 3, 5  # leading digits looked at: the area code under +1, else up to five
MAX_DIGITS = 15
OWN_PLAN = 7
NON_GEOGRAPHIC = "001"
NOBODY_IS_MAIN = {1}
ASSIGNED_WITHOUT_NUMBERS = {379: ("VA", range(4, 13))}  # ITU list of assigned codes; Vatican City uses +39 06 698
HEADER = """\
# Country codes, their countries and the possible lengths of a national number. Generated: do not edit, run
# scripts/make_country_table.py. Source: libphonenumber metadata (Apache-2.0), tag "metadata" in SOURCES.md,
# through phonenumbers {version}; +379 by tag "itu". +7 is not here: plus7.txt.
#
# One line of a country code: code | ISO 3166-1 country, '-' for a code of no country | lengths of the national number
# One line of a smaller region: '+' code | country | first digits of its national numbers
# A country '-' there: numbers of no single country (under +1: toll-free, premium and unused codes).
"""


def heads(tokens: Iterable[Any], depth: int) -> set[str]:
    """The first `depth` digits of every string a pattern of digits matches."""
    found = {""}
    for code, argument in tokens:
        short = {head for head in found if len(head) < depth}
        if not short:
            return found
        done = found - short
        room = depth - min(map(len, short))
        ends = one_token(code, argument, room)
        found = done | {(head + end)[:depth] for head in short for end in ends}
    return found


def one_token(code: Any, argument: Any, room: int) -> set[str]:
    """The first `room` digits of what one token of a parsed pattern matches."""
    if code is op.LITERAL:
        return {chr(argument)}
    if code is op.IN:
        return set(digits_of(argument))
    if code is op.SUBPATTERN:
        return heads(argument[3], room)
    if code is op.BRANCH:
        return set().union(*(heads(branch, room) for branch in argument[1]))
    if code is op.MAX_REPEAT:
        low, high, body = argument
        return set().union(*(heads(list(body) * times, room) for times in range(low, min(high, low + room) + 1)))
    raise NotImplementedError(f"token {code} in a metadata pattern")


def digits_of(items: Iterable[Any]) -> Iterator[str]:
    """The digits of a character class."""
    for code, argument in items:
        if code is op.LITERAL:
            yield chr(argument)
        elif code is op.RANGE:
            yield from (chr(letter) for letter in range(argument[0], argument[1] + 1))
        elif code is op.CATEGORY and argument is op.CATEGORY_DIGIT:
            yield from "0123456789"
        else:
            raise NotImplementedError(f"item {code} in a character class")


def metadata_of(code: int, region: str) -> Any:
    """The metadata of a region, or of a country code that belongs to no country."""
    if region == NON_GEOGRAPHIC:
        return PhoneMetadata.metadata_for_nongeo_region(code)
    return PhoneMetadata.metadata_for_region(region)


def claimed(region: str, depth: int) -> set[str]:
    """The heads of all numbers of one region, of any type."""
    metadata = metadata_of(0, region)
    patterns = (getattr(metadata, name).national_number_pattern for name in TYPES if getattr(metadata, name))
    return set().union(*(heads(parser.parse(pattern), depth) for pattern in patterns if pattern))


def merge(owners: dict[str, str], main: str) -> dict[str, str]:
    """Fewer, shorter heads for the same owners: ten equal children become their parent; unclaimed means main."""
    for depth in range(DEPTH, 1, -1):
        for parent in {head[:-1] for head in owners if len(head) == depth}:
            children = [owners.get(f"{parent}{digit}", main) for digit in range(10)]
            if len(set(children)) == 1:
                for digit in range(10):
                    owners.pop(f"{parent}{digit}", None)
                owners[parent] = children[0]
    return {head: owner for head, owner in owners.items() if owner != main}


def smaller_regions(code: int, regions: tuple[str, ...]) -> dict[str, str]:
    """Head -> region, for the heads of a shared code that belong to one region which is not the main one."""
    main = "-" if code in NOBODY_IS_MAIN else regions[0]
    owners: dict[str, str] = {}
    depth = AREA_CODE if code in NOBODY_IS_MAIN else DEPTH
    for region in regions:
        for head in claimed(region, depth):
            owners[head] = region if owners.get(head, region) == region else main
    return merge(owners, main)


def lengths(code: int, regions: tuple[str, ...]) -> list[int]:
    """All possible lengths of a national number, E.164's 15 digits kept."""
    every: set[int] = set()
    for region in regions:
        every |= set(metadata_of(code, region).general_desc.possible_length)
    return sorted(length for length in every if len(str(code)) + length <= MAX_DIGITS)


def table() -> str:
    """The whole text of countries.txt."""
    lines = [HEADER.format(version=phonenumbers.__version__)]
    for code, regions in sorted(REGIONS.items(), key=lambda item: str(item[0])):
        if code == OWN_PLAN:
            continue
        country = "-" if regions == (NON_GEOGRAPHIC,) or code in NOBODY_IS_MAIN else regions[0]
        lines.append(f"{code} | {country} | {','.join(map(str, lengths(code, regions)))}")
        if len(regions) > 1:
            by_region: dict[str, list[str]] = {}
            for head, owner in sorted(smaller_regions(code, regions).items()):
                by_region.setdefault(owner, []).append(head)
            lines += [f"+{code} | {owner} | {','.join(found)}" for owner, found in sorted(by_region.items())]
    for code, (country, possible) in ASSIGNED_WITHOUT_NUMBERS.items():
        lines.append(f"{code} | {country} | {','.join(map(str, possible))}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET
    target.write_text(table(), encoding="utf-8")
    print(f"{target}: written from phonenumbers {phonenumbers.__version__}")
