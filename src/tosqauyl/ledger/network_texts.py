"""What the networks said about a caller, in words: where the subscriber is and whether this call was started there, with
source and age. Made when somebody looks; the facts are in the journal."""

from tosqauyl.facts import Call
from tosqauyl.texts import N_, Texts

_PLACES = {"home": N_("registered in Kazakhstan"), "abroad": N_("registered abroad")}
_SOURCES = {
    "list": N_("the roaming file says, {age} ago: {place}"),
    "feed": N_("the operator's events say, {age} ago: {place}"),
    "camara": N_("home network says, {age} ago: {place} (asked by CAMARA)"),
    "sh": N_("home network says, {age} ago: {place} (asked by Diameter Sh)"),
    "redis": N_("the operator's table says, {age} ago: {place}"),
    "script": N_("the script of the trial says: {place}"),
}
_AGELESS = {
    "list": N_("the roaming file says: {place}"),
    "feed": N_("the operator's events say: {place}"),
    "camara": N_("home network says: {place} (asked by CAMARA)"),
    "sh": N_("home network says: {place} (asked by Diameter Sh)"),
    "redis": N_("the operator's table says: {place}"),
}
_PLACE_ENDINGS = {
    "unknown": N_("home network was asked and does not know where the subscriber is"),
    "not_enrolled": N_("home network takes no such questions; where the subscriber is stays unknown"),
    "unavailable": N_("home network failed too often just now and was not asked"),
    "timeout": N_("home network was asked and did not answer in time"),
    "failed": N_("home network was asked and answered with an error"),
}
_STARTED = {
    "yes": N_("the number's operator says: its subscriber started this call"),
    "no": N_("the number's operator says: its subscriber did not start this call"),
    "not_here": N_(
        "the number's operator says: this call was not started in its network; calls of roamers it does not see"
    ),
}
_START_ENDINGS = {
    "unknown": N_("the number's operator was asked and does not know whether it started this call"),
    "unavailable": N_("the number's operator failed too often just now and was not asked about this call"),
    "timeout": N_("the number's operator did not say in time whether it started this call"),
    "failed": N_("the number's operator answered with an error when asked about this call"),
}


def network_lines(call: Call, t: Texts) -> list[str]:
    """What was said, a line each; none where nothing was known and nobody was asked."""
    return [line for line in (_place(call, t), _start(call, t)) if line]


def _place(call: Call, t: Texts) -> str:
    states = (call.network_subscriber, call.presented_subscriber, call.redirecting_subscriber)
    place = next((state for state in states if state in _PLACES), "")
    if call.home_source != "none" and place:
        told = t(_PLACES[place])
        if call.home_age < 0 or call.home_source == "script":
            return t({**_SOURCES, **_AGELESS}.get(call.home_source, ""), place=told)
        return t(_SOURCES.get(call.home_source, ""), place=told, age=age_text(call.home_age, t))
    return t(_PLACE_ENDINGS.get(call.home_network, ""))


def _start(call: Call, t: Texts) -> str:
    return t(_STARTED.get(call.originated) or _START_ENDINGS.get(call.origination, ""))


def age_text(seconds: float, t: Texts) -> str:
    """An age in the largest unit that is worth it: 3 s, 5 min, 2 h, 4 d."""
    for unit, text in ((86_400, N_("{n} d")), (3_600, N_("{n} h")), (60, N_("{n} min"))):
        if seconds >= unit:
            return t(text, n=int(seconds // unit))
    return t("{n} s", n=int(seconds))
