"""Fuzz the notifications of home networks and the lines of event files: `python fuzz/fuzz_events.py -max_total_time=600`.

Any bytes give moves and refusals, each with a place of its own; a move has a number, a state and a time that can be kept.
Seeds: one event of each kind, a batch and lines, where no corpus directory is named.
"""

import json

import atheris
from _start import start, write_all

with atheris.instrument_imports(include=["tosqauyl.networks.camara.events", "tosqauyl.gate.feed_tail"]):
    from tosqauyl.gate.feed_tail import read_lines
    from tosqauyl.networks.camara.events import Notices, read_batch, read_event

TYPE = "org.camaraproject.device-roaming-status-subscriptions.v0."
KINDS = ("roaming-status", "roaming-on", "roaming-off", "roaming-change-country", "subscription-ended")


def check(told: Notices) -> None:
    """What must hold of everything that is read."""
    places = [move.place for move in told.moves] + [place for place, _ in told.refused]
    assert len(set(places)) == len(places) <= told.events
    assert all(0 <= place < told.events for place in places)
    for move in told.moves:
        assert move.state in ("abroad", "home")
        assert move.at > 0.0
        assert move.number.startswith("+")
        assert move.number[1:].isdigit()


def one(data: bytes) -> None:
    """One input."""
    check(read_event(data))
    check(read_batch(data))
    check(read_lines(data.split(b"\n")))


def seeds() -> list[bytes]:
    """Events as networks send them."""
    said = [
        {"id": str(place), "source": "/hlr", "specversion": "1.0", "type": TYPE + kind, "time": "2026-11-28T10:00:00+05:00",
         "data": {"device": {"phoneNumber": "+77011234567"}, "roaming": True}}
        for place, kind in enumerate(KINDS)
    ]  # fmt: skip
    lines = [*map(json.dumps, said), "+77011234567 abroad 2026-11-28T10:00:00+05:00"]
    return [*(json.dumps(event).encode() for event in said), json.dumps(said).encode(), "\n".join(lines).encode()]


if __name__ == "__main__":
    start(one, lambda folder: write_all(folder, seeds()))
