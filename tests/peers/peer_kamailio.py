"""Kamailio as the SBC's side of a TLS link: SIPp -> (UDP) Kamailio (TLS) -> gate.

Stateless, so that everything a case sends goes through as it is: retransmissions, ACK and CANCEL included. It sends from the
address that the case came from, because that is how the gates of the corpus know a trunk.
"""

import os
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from certificates import Signed, make_authority, make_certificate
from peer_corpus import SOURCES
from server import NotReady, free_port

KAMAILIO = shutil.which("kamailio")
START_SECONDS = 10.0
SAN = "sbc.example"

CONFIG = """#!KAMAILIO
debug=0
log_stderror=yes
fork=yes
children=2
tcp_children=2
auto_aliases=no
dns=no
rev_dns=no
server_signature=no
enable_tls=yes
{listen}
loadmodule "pv.so"
loadmodule "tls.so"
modparam("tls", "config", "{folder}/tls.cfg")
request_route {{
    $du = "sip:127.0.0.1:{gate};transport=tls";
    $fs = "tls:" + $si + ":{port}";
    forward();
}}
"""
TLS = """[server:default]
method = TLSv1.2+
verify_certificate = no
require_certificate = no
certificate = {certificate}
private_key = {key}

[client:default]
method = TLSv1.2+
verify_certificate = yes
require_certificate = yes
ca_list = {authority}
"""
SHOWN = """certificate = {certificate}
private_key = {key}
"""


@dataclass(frozen=True)
class Keys:
    """Certificates of one test run. other: of an authority that the gate does not know. wrong: without the trunk's name."""

    folder: Path
    authority: Signed
    gate: Signed
    client: Signed
    other: Signed
    wrong: Signed

    def settings(self, mutual: bool) -> str:
        """The gate's [tls] table."""
        lines = ["[tls]", f'certificate = "{self.gate.certificate}"', f'key = "{self.gate.key}"']
        return "\n".join([*lines, *([f'client_ca = "{self.authority.certificate}"'] if mutual else []), "", ""])


def make_keys(folder: Path) -> Keys:
    """Make them in `folder`."""
    authority, stranger = make_authority(folder), make_authority(folder, "unknown-authority")
    return Keys(
        folder, authority,
        make_certificate(folder, authority, "gate", "DNS:gate.example", "IP:127.0.0.1"),
        make_certificate(folder, authority, "client", f"DNS:{SAN}", "URI:sip:carrier.example"),
        make_certificate(folder, stranger, "other", f"DNS:{SAN}"),
        make_certificate(folder, authority, "wrong", "DNS:somebody.example"),
    )  # fmt: skip


def end_group(process: "subprocess.Popen[bytes]") -> None:
    """End a program that has a process group of its own, and its children; nobody else's."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            os.killpg(process.pid, number)
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                continue


class Hop:
    """One running Kamailio before the gate at 127.0.0.1:`gate`. `port` takes UDP. shown: its certificate, None for none."""

    def __init__(self, gate: int, keys: Keys, folder: Path, shown: Signed | None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        tls_port = _port_of_all()
        listen = [f"listen=udp:127.0.0.1:{self.port}", *(f"listen=tls:{ip}:{tls_port}" for ip in SOURCES.values())]
        text = CONFIG.format(listen="\n".join(listen), folder=folder, gate=gate, port=tls_port)
        (folder / "kamailio.cfg").write_text(text, "ascii")
        own = {"certificate": keys.client.certificate, "key": keys.client.key, "authority": keys.authority.certificate}
        tls = TLS.format(**own)
        if shown is not None:
            tls += SHOWN.format(certificate=shown.certificate, key=shown.key)
        (folder / "tls.cfg").write_text(tls, "ascii")
        self.log = folder / "kamailio.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [KAMAILIO or "kamailio", "-DD", "-E", "-f", str(folder / "kamailio.cfg"), "-m", "64", "-M", "8", "-Y", str(folder)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder, start_new_session=True,
            )  # fmt: skip
        self._wait(tls_port)

    def _wait(self, port: int) -> None:
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.2", port), 1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        self.stop()
        raise NotReady(f"Kamailio did not start: {self.log.read_text(errors='replace')[-4000:]}")

    def stop(self) -> None:
        """End it and its children: its own process group, nobody else's."""
        end_group(self.process)

    def __enter__(self) -> "Hop":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _port_of_all() -> int:
    """A TCP port that is free on every address of the corpus."""
    while True:
        port = free_port(kind=socket.SOCK_STREAM)
        probes = []
        try:
            for ip in SOURCES.values():
                probe = socket.socket()
                probes.append(probe)
                probe.bind((ip, port))
        except OSError:
            continue
        finally:
            for probe in probes:
                probe.close()
        return port
