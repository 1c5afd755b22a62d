"""Looks at the trunks and the HTTP side of a configuration: what can be read and started, and is a mistake all the same. Pure."""

from collections.abc import Sequence
from ipaddress import ip_address

from tosqauyl.cli.doctor_checks import OK, WARNING, WRONG, Finding
from tosqauyl.config.load import Config
from tosqauyl.gate.http.access import Client
from tosqauyl.gate.http.options import Http
from tosqauyl.gate.trunks import Entry
from tosqauyl.texts import N_

AGENT = "tosqauyl-doctor"
"""User-Agent of the doctor's calls: a trunk with this header keeps them apart from everybody's."""
DOCTORS_HEADER = f"User-Agent: {AGENT}"
WIDE = {4: 16, 6: 32}
"""Networks wider than that many bits are hardly those of one carrier."""


def check_trunks(config: Config) -> list[Finding]:
    """Networks that shadow each other, trial settings left behind, directions that make no rule apply."""
    entries = config.entries
    found = [finding for entry in entries for finding in _trunk(entry)]
    found += _shadowed(entries)
    for listener in dict.fromkeys(entry.listener for entry in entries if _on_loopback(entry.listener)):
        mend = N_("right where the SBC runs on this machine too; else listen on an address of your network")
        what = N_("{listener} can be reached from this machine only")
        found.append(Finding("trunks", WARNING, what, mend, {"listener": listener}))
    if not any(entry.trunk.direction == "international" for entry in entries):
        mend = N_('set direction = "international" on the trunks that bring calls from abroad')
        found.append(
            Finding("trunks", WRONG, N_("no trunk is international: no rule about calls from abroad applies"), mend)
        )
    if not found:
        found.append(Finding("trunks", OK, N_("{count} trunks, none in another's way"), "", {"count": len(entries)}))
    if config.enforce:
        found.append(Finding("trunks", OK, N_("deterministic rules are enforced")))
    else:
        found.append(Finding("trunks", OK, N_("monitor mode: nothing is stopped")))
    return found


def _trunk(entry: Entry) -> list[Finding]:
    values: dict[str, object] = {"trunk": entry.trunk.id, "listener": entry.listener}
    found = []
    if not entry.networks:
        mend = N_('name its sources: from = ["198.51.100.0/28"]')
        found.append(
            Finding("trunks", WRONG, N_("trunk {trunk} has no network: nobody is recognised by it"), mend, values)
        )
    for network in entry.networks:
        named = values | {"network": str(network)}
        if network.is_loopback:
            if entry.header != DOCTORS_HEADER and not _on_loopback(entry.listener):
                mend = N_("leave it out in production, or let it be the doctor's trunk (docs/doctor.md)")
                what = N_("trunk {trunk} takes calls from {network}, this machine")
                found.append(Finding("trunks", WARNING, what, mend, named))
        elif network.prefixlen < WIDE[network.version]:
            mend = N_("name the addresses of its SBC; whoever else is in there may ask the gate, and read its answers")
            found.append(Finding("trunks", WARNING, N_("trunk {trunk} takes calls from all of {network}"), mend, named))
    if entry.trunk.direction == "unknown":
        mend = N_("set its direction: no rule stops a call on it, and all its calls pass")
        found.append(Finding("trunks", WARNING, N_("trunk {trunk} has no direction"), mend, values))
    if not entry.next_hop and entry.profile.pass_code == 302:
        what = N_("trunk {trunk} has no next hop: calls that pass get 404 in place of 302")
        mend = N_('set next_hop = "sender", or pass = 404 in its profile if that is meant')
        found.append(Finding("trunks", WARNING, what, mend, values))
    return found


def _on_loopback(listener: str) -> bool:
    try:
        return ip_address(listener.partition(":")[2].rpartition(":")[0].strip("[]")).is_loopback
    except ValueError:
        return False


def _shadowed(entries: Sequence[Entry]) -> list[Finding]:
    """Trunks that can never be chosen: another with the same network and conditions stands before them."""
    first: dict[tuple[object, ...], Entry] = {}
    found = []
    for entry in entries:
        for network in entry.networks:
            terms = (entry.tgrp.lower(), entry.trunk_context.lower(), entry.header, entry.certificate)
            before = first.setdefault((entry.listener, network, *terms), entry)
            if before is not entry:
                values = {"trunk": entry.trunk.id, "other": before.trunk.id, "network": str(network)}
                what = N_("trunk {trunk} never gets a call from {network}: trunk {other} takes them")
                mend = N_("tell them apart by network, tgrp, header or listener")
                found.append(Finding("trunks", WRONG, what, mend, values))
    return found


def check_http(http: Http, clients: Sequence[Client], ready: int | None) -> list[Finding]:
    """Who can reach the HTTP side, and with what. ready: status of /readyz, None where nobody answered or none is there."""
    if http.listen is None:
        mend = N_("set http.listen: metrics, health, feeds and reload need it")
        return [Finding("http", WARNING, N_("the HTTP side is off"), mend)]
    host, port = http.listen
    values: dict[str, object] = {"place": f"{host}:{port}", "status": ready}
    found = []
    if not clients:
        mend = N_("add a [[client]] with the scope metrics: `tosqauyl token` prints one")
        found.append(Finding("http", WARNING, N_("nobody may read the metrics: there is no [[client]]"), mend))
    if host not in ("localhost", "::1") and not host.startswith("127."):
        bare = [one.id for one in clients if one.token and not one.certificate]
        what, mend = N_("{place} can be reached from outside"), N_("open it to your own networks only, in the firewall")
        found.append(Finding("http", WARNING, what, mend, values))
        if bare and not http.tls.client_ca:
            what = N_("clients {names} prove themselves by a token alone")
            mend = N_("give them certificates too (http.client_ca), at least those that feed or reload")
            found.append(Finding("http", WARNING, what, mend, {"names": ", ".join(bare)}))
    if ready is not None and ready != 200:
        mend = N_("ask /v1/status with a metrics token what it is; docs/operations.md says what to do")
        found.append(Finding("http", WRONG, N_("the gate says it is not ready (HTTP {status})"), mend, values))
    return found or [Finding("http", OK, N_("HTTP on {place}"), "", values)]
