"""A client of the gate's stream listeners, socket and all: for what no SIP program would do."""

import re
import socket
import ssl
from pathlib import Path

from peer_runs import configure
from server import Gate, free_port

INVITE = """INVITE sip:+77011234567@127.0.0.1;user=phone SIP/2.0
Via: SIP/2.0/TCP 127.0.0.2:5060;branch=z9hG4bK-{id};rport
Max-Forwards: 70
From: <sip:+{number}@203.0.113.9;user=phone>;tag={id}
To: <sip:+77011234567@127.0.0.1;user=phone>
Call-ID: {id}@streams
CSeq: 1 INVITE
Content-Length: 0

"""
UDP_TRUNK = """
[[trunk]]
id = "datagrams"
listen = "udp:127.0.0.1:{port}"
from = ["127.0.0.3/32"]
direction = "international"
profile = "usual"
trust = ["asserted"]
next_hop = "sender"
"""


def invite(id: str, number: str = "447911123456") -> bytes:
    """An INVITE of an honest foreigner, or of another number."""
    return INVITE.format(id=id, number=number).replace("\n", "\r\n").encode()


class StreamGate(Gate):
    """A gate on TCP or TLS with small bounds, and on UDP for 127.0.0.3."""

    def __init__(self, folder: Path, transport: str = "tcp", tables: str = "", certificate: str = "") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        path = configure("enforce", folder, transport, tables)
        text = path.read_text("utf-8")
        if certificate:
            text = text.replace('listen = "tls:', f'certificate = "{certificate}"\nlisten = "tls:')
        path.write_text(text + UDP_TRUNK.format(port=free_port()), "utf-8")
        super().__init__(["--config", str(path)], folder / "data")
        self.port = int(self.places[transport].rpartition(":")[2])

    def connect(self, source: str = "127.0.0.2", wait: float = 5.0) -> socket.socket:
        """A TCP connection from that address."""
        return socket.create_connection(("127.0.0.1", self.port), wait, (source, 0))

    def ask_by_datagram(self, id: str, wait: float = 2.0) -> bytes:
        """The answer to an INVITE over UDP, b'' where none comes in time."""
        place = self.places["udp"].rpartition(":")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.bind(("127.0.0.3", 0))
            client.settimeout(wait)
            client.sendto(invite(id), (place[0], int(place[2])))
            try:
                return client.recv(65_535)
            except TimeoutError:
                return b""


def answers(client: socket.socket, count: int, wait: float = 5.0) -> list[tuple[int, str]]:
    """Status and Call-ID of so many answers, or of those that came before the end of the connection or of `wait`."""
    client.settimeout(wait)
    data = b""
    while data.count(b"\r\n\r\n") < count:
        try:
            piece = client.recv(65_536)
        except OSError:
            break
        if not piece:
            break
        data += piece
    heads = data.decode().split("\r\n\r\n")[:-1]
    return [(int(head[8:11]), re.findall(r"(?m)^Call-ID: (\S+)@", head)[0]) for head in heads if head.strip()]


def is_closed(client: socket.socket, wait: float = 5.0) -> bool:
    """Whether the gate closes the connection (or has) within `wait` seconds."""
    client.settimeout(wait)
    try:
        while client.recv(65_536):
            pass
    except TimeoutError:
        return False
    except OSError:
        return True
    return True


def secure(client: socket.socket, authority: Path, certificate: tuple[Path, Path] | None = None) -> ssl.SSLSocket:
    """TLS over the connection, the gate's certificate checked against `authority`."""
    context = ssl.create_default_context(cafile=str(authority))
    if certificate is not None:
        context.load_cert_chain(*certificate)
    return context.wrap_socket(client, server_hostname="gate.example")
