"""A stand-in for `tosqauyl serve` in the tests of demo and traffic: a naive judge of its own, the real journal."""

import argparse
import re
import selectors
import signal
import socket
import sys
import time
import tomllib
from pathlib import Path

from tosqauyl.facts import UNKNOWN_CALL
from tosqauyl.journal.append import Journal
from tosqauyl.journal.columns import row_maker

FIXED = re.compile(r"\+77[12]")


def field(text: str, name: str) -> str:
    found = re.search(rf"^{name}:[ \t]*(.*?)\r$", text, re.M)
    return found[1] if found else ""


def number(value: str) -> str:
    found = re.search(r"(?:sips?|tel):([^@;>]*)", value)
    raw = found[1] if found else ""
    if raw.startswith("00"):
        return f"+{raw[2:]}"
    if len(raw) == 11 and raw[0] in "78":
        return f"+7{raw[1:]}"
    return raw


class Judge:
    def __init__(self, config: dict, folder: Path) -> None:
        self.roaming = set((folder / config["subscribers"]["roaming"]).read_text().split())
        lists = tomllib.loads((folder / config["indicators"]["files"][0]).read_text())["indicator"]
        self.kinds = {one["number"]: one["kind"] for one in lists}
        said = tomllib.loads((folder / config["home_network"]["script"]).read_text())["number"]
        self.said = {one["number"]: one for one in said}

    def verdict(self, direction: str, caller: str, called: str, forwarder: str) -> tuple[str, str]:
        if len(called) == 3:
            return "pass", "emergency-call"
        if direction == "domestic":
            return "pass", "none"
        if not caller.startswith("+"):
            return "stop", "short-caller"
        if caller == "+78000807777" or self.kinds.get(caller) == "protected":
            return "stop", "protected-caller"
        if caller in self.kinds:
            return "pass", "allow-listed"
        if caller.startswith("+78"):
            return "stop", "reserve-range"
        if not caller.startswith("+77"):
            return "pass", "none"
        if forwarder in self.roaming:
            return "pass", "late-forwarding"
        if FIXED.match(caller):
            return "stop", "fixed-from-abroad"
        return ("pass", "mobile-abroad") if caller in self.roaming else ("stop", "mobile-at-home")

    def by_network(self, said: dict) -> tuple[str, str]:
        if said["started"] == "no":
            return "stop", "call-denied"
        confirmed = said["started"] == "yes"
        return "pass", "call-confirmed" if confirmed else "mobile-abroad" if said["answer"] == "abroad" else "none"


def answer(text: str, verdict: str, source: tuple[str, int]) -> bytes:
    kept = [f"{name}: {field(text, name)}" for name in ("Via", "From", "Call-ID", "CSeq")]
    start = "SIP/2.0 603 Decline" if verdict == "stop" else "SIP/2.0 302 Moved Temporarily"
    contact = [] if verdict == "stop" else [f"Contact: <sip:x@{source[0]}:{source[1]}>"]
    lines = [start, *kept, f"To: {field(text, 'To')};tag=stub", *contact, "Content-Length: 0", "", ""]
    return "\r\n".join(lines).encode()


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    options = argparse.ArgumentParser()
    options.add_argument("--config")
    path = Path(options.parse_args().config)
    config = tomllib.loads(path.read_text())
    journal = Journal(path.parent / config["data"] / "journal", time.time())
    make, judge = row_maker(None, "stub", "stub"), Judge(config, path.parent)
    selector = selectors.DefaultSelector()
    for trunk in config["trunk"]:
        line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        host, port = trunk["listen"].removeprefix("udp:").split(":")
        line.bind((host, int(port)))
        selector.register(line, selectors.EVENT_READ, trunk)
    print("ready", *(trunk["listen"] for trunk in config["trunk"]), flush=True)
    while True:
        for key, _ in selector.select():
            data, source = key.fileobj.recvfrom(65535)
            text, trunk = data.decode(), key.data
            if not text.startswith("INVITE"):
                continue
            caller = number(field(text, "P-Asserted-Identity") or field(text, "From"))
            called = number(text)
            if caller in judge.said:
                verdict, reason = judge.by_network(judge.said[caller])
            else:
                verdict, reason = judge.verdict(trunk["direction"], caller, called, number(field(text, "Diversion")))
            call = UNKNOWN_CALL._replace(
                at=time.time(), caller=caller, called=called, trunk=trunk["id"], direction=trunk["direction"]
            )
            rule = reason if verdict == "stop" else ""
            journal.append(
                [
                    make(
                        call,
                        (verdict, reason, rule, "", 0, verdict, reason, rule),
                        42.0,
                        603 if verdict == "stop" else 302,
                    )
                ]
            )
            key.fileobj.sendto(answer(text, verdict, source), source)


if __name__ == "__main__":
    main()
