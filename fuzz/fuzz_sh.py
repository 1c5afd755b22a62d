"""Fuzz what reads an HSS's answers: `python fuzz/fuzz_sh.py -max_total_time=600`.

Any bytes as a Diameter message, and any bytes as the Sh-Data inside a good one, come to a finding or to AskFailed with a known
kind; nothing else is raised. The first byte of an input says which of the two the rest is.
Seeds: the simulator's answers and their Sh-Data, where no corpus directory is named.
"""

from pathlib import Path

import atheris
from _start import start

with atheris.instrument_imports(include=["tosqauyl.networks.sh", "diameter.message"]):
    from tosqauyl.networks.backend import FAILURES, AskFailed, Whereabouts
    from tosqauyl.networks.sh import messages, simulator
    from tosqauyl.networks.sh.client import ShOptions
    from tosqauyl.networks.sh.frames import Ids
    from tosqauyl.networks.sh.location import whereabouts
    from tosqauyl.networks.simulated import Simulated
    from tosqauyl.numbers.plan import load_plan

NOW, PLAN = 1_800_000_000.0, load_plan()
OPTIONS = ShOptions("192.0.2.1", "gate.example.kz", "example.kz", "hss.example.kz")
SESSION, IDS = "gate.example.kz;1;2", Ids(7, 8)


def finding(frame: bytes) -> Whereabouts:
    """What the client makes of an answer's bytes. Raises AskFailed."""
    data = messages.sh_data(messages.receive(frame), SESSION, IDS)
    return whereabouts(data, NOW, PLAN) if data else Whereabouts("unknown", NOW)


def one(data: bytes) -> None:
    """One input."""
    rest = data[1:]
    try:
        found = finding(rest) if data[:1] < b"\x80" else whereabouts(rest, NOW, PLAN)
    except AskFailed as failure:
        if failure.kind not in FAILURES:
            raise
        return
    assert found.state in ("abroad", "home", "unknown")
    assert found.at <= NOW
    assert (found.state == "home") == (found.country == "KZ")


def seeds(folder: Path) -> None:
    """Answers of every kind, and the Sh-Data of both domains."""
    for place, (state, domain) in enumerate((s, d) for s in ("abroad", "home", "unknown") for d in ("cs", "ps")):
        options = ShOptions(
            OPTIONS.host, OPTIONS.origin_host, OPTIONS.origin_realm, OPTIONS.destination_realm, domain=domain
        )
        request = messages.receive(messages.user_data_request(options, SESSION, "+77010000001", IDS))
        Path(folder, f"frame{place}").write_bytes(b"\0" + simulator._right(request, Simulated(default=state)))
        Path(folder, f"xml{place}").write_bytes(b"\xff" + simulator.sh_data("TR", "TR", domain == "ps"))


if __name__ == "__main__":
    start(one, seeds)
