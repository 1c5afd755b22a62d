"""What Sh-Data says of a subscriber's whereabouts (TS 29.328 7.6.6, 7.6.7, annexes C and D).

The sources of one location (node number, network codes) must agree on home or abroad: two that do not cannot both be true.
Locations of different domains (CS, PS, EPS, 5GS) may differ, a phone moves: the younger one counts where both tell their age.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from tosqauyl.networks.backend import AskFailed, Whereabouts
from tosqauyl.networks.sh import places
from tosqauyl.networks.sh.xml_text import Element, read_xml
from tosqauyl.numbers.plan import Plan

LOCATIONS = {
    "CSLocationInformation": "CSUserState",
    "PSLocationInformation": "PSUserState",
    "EPSLocationInformation": "EPSUserState",
    "Sh-5GSLocationInformation": "Sh-5GSUserState",
}
"""Elements that hold a location, and the one that tells whether the phone can be reached in the same domain."""
UNREACHABLE = {
    "CSUserState": ("1",),
    "PSUserState": ("0", "6"),
    "EPSUserState": ("0", "6"),
    "Sh-5GSUserState": ("0", "6"),
}
"""tCSUserState 1 NetworkDeterminedNotReachable; tPSUserState 0 Detached, 6 NetworkDeterminedNotReachable (annex D)."""
MAX_AGE = 32_767
"""Minutes (TS 29.002 17.7.8, AgeOfLocationInformation)."""

_NUMBERS = ("VLRNumber", "MSCNumber", "SGSNNumber")
_TELLERS: dict[str, Callable[[str], str]] = {
    "CellGlobalId": places.by_area,
    "ServiceAreaId": places.by_area,
    "LocationAreaId": places.by_area,
    "RoutingAreaId": places.by_area,
    "TrackingAreaId": places.by_area,
    "E-UTRANCellGlobalId": places.by_area,
    "VisitedPLMNID": places.by_network,
    "NRCellGlobalId": places.by_digits,
    "MMEName": places.by_name,
    "AMFAddress": places.by_name,
}


class Location(NamedTuple):
    """One domain's location. country: ISO 3166-1, '?' abroad and not told where. age: minutes, None where it is not told.
    reachable: whether the phone was, as far as the answer tells."""

    country: str
    age: int | None
    reachable: bool


def whereabouts(data: bytes, now: float, plan: Plan) -> Whereabouts:
    """Read Sh-Data. now: seconds since 1970. Raises AskFailed: malformed, or wrong where its sources contradict each other.

    unknown where no source tells, and where the phone is detached and the age of its location is not told.
    """
    elements = read_xml(data)
    if any(element.path[0] != "Sh-Data" for element in elements):
        raise AskFailed("malformed", "not Sh-Data")
    found = [place for name in LOCATIONS if (place := _location(elements, name, plan)) is not None]
    usable = [place for place in found if place.reachable or place.age is not None]
    if not usable:
        return Whereabouts("unknown", now)
    chosen = _chosen(usable)
    at = now - (chosen.age or 0) * 60
    if chosen.country == places.HOME_COUNTRY:
        return Whereabouts("home", at, places.HOME_COUNTRY)
    return Whereabouts("abroad", at, "" if chosen.country == places.SOMEWHERE else chosen.country)


def _location(elements: list[Element], name: str, plan: Plan) -> Location | None:
    """The location of one domain; None where the answer has none, or nothing in it tells a place."""
    inside = [
        (element.path[element.path.index(name) + 1 :], element.text) for element in elements if name in element.path
    ]
    country = _agreed(_countries(inside, plan))
    if not country:
        return None
    state = LOCATIONS[name]
    told = next((element.text for element in elements if element.path[-1] == state), "")
    return Location(country, _age(inside), told not in UNREACHABLE[state])


def _countries(inside: Iterable[tuple[tuple[str, ...], str]], plan: Plan) -> Iterable[str]:
    for path, text in inside:
        if any(name in path for name in _NUMBERS):
            # TS 29.328: the number is in an Address element of its own; some HSSs write it without
            if path[-1] == "Address" or path[-1] in _NUMBERS:
                yield places.by_number(text, plan)
        elif path and path[-1] in _TELLERS:
            yield _TELLERS[path[-1]](text)


def _agreed(countries: Iterable[str]) -> str:
    """The one country that the sources of a location tell, '' if none does. Raises AskFailed (wrong)."""
    told = {country for country in countries if country}
    if places.HOME_COUNTRY in told and len(told) > 1:
        raise AskFailed("wrong", "a location that is at home and abroad")
    named = told - {places.SOMEWHERE}
    # two countries abroad: a network near a border, or one node that serves islands; abroad is what matters
    return named.pop() if len(named) == 1 else places.SOMEWHERE if told else ""


def _age(inside: Iterable[tuple[tuple[str, ...], str]]) -> int | None:
    """AgeOfLocationInformation in minutes; 0 where the phone was just paged."""
    told = {path[-1]: text for path, text in inside if path}
    text = told.get("AgeOfLocationInformation")
    if text is None:
        return 0 if told.get("CurrentLocationRetrieved") in ("1", "true") else None
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= MAX_AGE):
        raise AskFailed("malformed", "an age that is none")
    return int(text)


def _chosen(found: list[Location]) -> Location:
    """The location that counts. Raises AskFailed (wrong) where domains contradict each other and none is younger."""
    first, *others = sorted(found, key=lambda place: MAX_AGE + 1 if place.age is None else place.age)
    at_home = first.country == places.HOME_COUNTRY
    for other in others:
        if (other.country == places.HOME_COUNTRY) != at_home and (other.age is None or other.age == first.age):
            raise AskFailed("wrong", "domains that contradict each other")
    return first
