"""The TLS of one SIP stream, without sockets: over two memory buffers.

So a stranger is turned away before any cryptography, time bounds are the connection's own, and a test needs no network.
"""

import ssl
from contextlib import suppress

from tosqauyl.tls import names_of

READ_BYTES = 65_536


class TlsStream:
    """The TLS of one accepted connection. Bytes of the wire go in by `take`, and come out by `outgoing`.

    failed: why nothing more can be read, '' while all is well. Nothing raises.
    """

    __slots__ = ("_in", "_object", "_out", "ended", "failed", "shaken")

    def __init__(self, context: ssl.SSLContext) -> None:
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._object = context.wrap_bio(self._in, self._out, server_side=True)
        self.shaken = False
        self.ended = False
        self.failed = ""

    def take(self, data: bytes) -> None:
        """Bytes came from the wire."""
        self._in.write(data)

    def shake(self) -> None:
        """One step of the handshake with what is there; `shaken` when it is over. Costs up to 2 ms (RSA)."""
        try:
            self._object.do_handshake()
            self.shaken = True
        except ssl.SSLWantReadError:
            pass
        except (OSError, ValueError) as error:  # SSLError is an OSError
            self._fail(error)

    def read(self) -> bytes:
        """The plain bytes that are complete now. No more than came in by `take`: TLS here does not compress."""
        pieces: list[bytes] = []
        try:
            while piece := self._object.read(READ_BYTES):
                pieces.append(piece)
            self.ended = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self.ended = True
        except (OSError, ValueError) as error:
            self._fail(error)
        return b"".join(pieces)

    def write(self, data: bytes) -> None:
        """Plain bytes for the peer; they are in `outgoing` then."""
        try:
            self._object.write(data)
        except (OSError, ValueError) as error:
            self._fail(error)

    def outgoing(self) -> bytes:
        """Bytes for the wire: handshake, alerts, encrypted answers."""
        return self._out.read()

    def close(self) -> None:
        """Say goodbye (close_notify), so that the peer knows that nothing was cut off."""
        with suppress(OSError, ValueError):  # it wants to read the peer's goodbye, which nobody waits for
            self._object.unwrap()

    def names(self) -> tuple[str, ...]:
        """The names of the peer's certificate, () where it showed none."""
        return names_of(self._object.getpeercert() or {}) if self.shaken else ()

    def _fail(self, error: Exception) -> None:
        self.failed = getattr(error, "reason", None) or type(error).__name__
