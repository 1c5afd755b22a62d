"""Calls over TCP and TLS: what one costs the gate, pipelined over a few connections and one after the other.

usage: streams.py [--calls 20000] [--connections 4] [--pipelined 32]

Prints microseconds of the gate's processor time a call, from /proc, for UDP's mix of callers (a foreigner, a fixed line, a
subscriber). The client is a loop over sockets that were filled beforehand; it must not be what limits, so time on the clock
is not the figure. TLS needs the openssl command (a certificate is made on the spot).
"""

import argparse
import selectors
import socket
import ssl
import subprocess
import tempfile
from pathlib import Path

from server import Gate, free_port, write_settings

CALLERS = ("447911123456", "77172301234", "77015000001", "4915112345678")
INVITE = (
    "INVITE sip:+77011234567@127.0.0.1;user=phone SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.2:5060;branch=z9hG4bK-{id};rport\r\n"
    "Max-Forwards: 68\r\nFrom: <sip:+{caller}@203.0.113.9;user=phone>;tag={id}\r\nTo: <sip:+77011234567@127.0.0.1;user=phone>\r\n"
    "Call-ID: {id}@bench\r\nCSeq: 1 INVITE\r\nContact: <sip:127.0.0.2:5060;transport=tcp>\r\n"
    "P-Asserted-Identity: <sip:+{caller}@203.0.113.9;user=phone>\r\nContent-Length: 0\r\n\r\n"
)


class Line:
    """One connection and the calls that go over it, `depth` at a time."""

    def __init__(self, client: socket.socket, calls: list[bytes], depth: int) -> None:
        self.client = client
        self.batches = [
            (b"".join(calls[at : at + depth]), len(calls[at : at + depth])) for at in range(0, len(calls), depth)
        ]
        self.open = 0

    def send(self) -> bool:
        """Send the next batch; False where there is none."""
        if not self.batches:
            return False
        data, self.open = self.batches.pop()
        self.client.sendall(data)
        return True


def connect(port: int, certificate: Path | None) -> socket.socket:
    """A connection of the bench's international trunk."""
    client = socket.create_connection(("127.0.0.1", port), 10, ("127.0.0.2", 0))
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if certificate is None:
        return client
    context = ssl.create_default_context(cafile=str(certificate))
    return context.wrap_socket(client, server_hostname="gate.example")


def drive(lines: list[Line]) -> None:
    """Send everything, a batch a connection at a time, and take every answer."""
    selector = selectors.DefaultSelector()
    for line in lines:
        selector.register(line.client, selectors.EVENT_READ, line)
        line.send()
    busy = len(lines)
    while busy:
        for key, _ in selector.select(10):
            line = key.data
            data = line.client.recv(1 << 20)
            while isinstance(line.client, ssl.SSLSocket) and line.client.pending():
                data += line.client.recv(1 << 20)
            line.open -= data.count(b"\r\n\r\n")
            if not data or (line.open <= 0 and not line.send()):
                selector.unregister(line.client)
                busy -= 1


def one(folder: Path, transport: str, calls: int, connections: int, depth: int) -> float:
    """Microseconds of the gate's processor time a call."""
    folder.mkdir(parents=True)
    (folder / "roaming.txt").write_text("+77015000001\n")
    certificate, extra = None, ""
    if transport == "tls":
        certificate = folder / "gate.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=gate",
             "-days", "1", "-addext", "subjectAltName=DNS:gate.example", "-keyout", str(folder / "gate.key"), "-out",
             str(certificate)], check=True, capture_output=True,
        )  # fmt: skip
        extra = f'[tls]\ncertificate = "{certificate}"\nkey = "{folder / "gate.key"}"\n'
    settings = write_settings(folder, folder / "roaming.txt", tables=extra)
    text = settings.read_text("utf-8")
    port = free_port(kind=socket.SOCK_STREAM)
    old = text.split('listen = "udp:127.0.0.1:')[1].split('"')[0]
    settings.write_text(text.replace(f"udp:127.0.0.1:{old}", f"{transport}:127.0.0.1:{port}"), "utf-8")
    with Gate(["--config", str(settings)], folder / "data") as gate:
        made = [INVITE.format(id=f"{n}", caller=CALLERS[n % 4]).encode() for n in range(calls)]
        lines = [Line(connect(port, certificate), made[n::connections], depth) for n in range(connections)]
        before = gate.cpu_seconds()
        drive(lines)
        spent = gate.cpu_seconds() - before
        for line in lines:
            line.client.close()
    return spent / calls * 1e6


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--pipelined", type=int, default=32)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="streams-") as work:
        for transport in ("tcp", "tls"):
            for depth in (options.pipelined, 1):
                spent = one(Path(work) / f"{transport}{depth}", transport, options.calls, options.connections, depth)
                print(
                    f"{transport}, {depth} at a time on {options.connections} connections: {spent:.1f} us a call",
                    flush=True,
                )


if __name__ == "__main__":
    main()
