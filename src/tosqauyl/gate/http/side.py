"""The HTTP side put together: from a gate's report to a server that is ready to start."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tosqauyl.gate.feeds import Feeds
from tosqauyl.gate.http.access import Access, Client
from tosqauyl.gate.http.app import Application, Parts
from tosqauyl.gate.http.options import Http, Limits
from tosqauyl.gate.http.roaming import RoamingDesk
from tosqauyl.gate.http.screening import ScreeningDesk
from tosqauyl.gate.http.server import HttpServer, listen
from tosqauyl.gate.metrics import Metrics
from tosqauyl.gate.report import Report
from tosqauyl.tls import TlsServer


@dataclass(frozen=True, slots=True)
class HttpSide:
    """What the HTTP side is made of. alarm: gets a line where a handler failed. feeds, reload: None where there are none."""

    http: Http
    clients: tuple[Client, ...]
    report: Report
    alarm: Callable[[str], None]
    feeds: Feeds | None = None
    reload: Callable[[], object] | None = None
    limits: Limits = field(default_factory=Limits)

    def application(self) -> Application:
        """The application, without a socket."""
        gate = self.report.gate
        roaming = RoamingDesk(self.feeds, self.http, self.limits) if self.feeds is not None else None
        desk = ScreeningDesk(gate.session, gate.settle, self.limits.screenings)
        return Application(
            Parts(
                self.http, Access(self.clients), desk, self.report, Metrics(self.report), gate.session.counters,
                self.alarm, roaming, self.reload, self.limits,
            )
        )  # fmt: skip

    def open(self) -> HttpServer:
        """Open the socket; call `start` on what this returns, in the gate's loop. Raises TosqauylError."""
        tcp = listen(self.http, self.clients)
        try:
            tls = TlsServer(self.http.tls, self.alarm) if self.http.tls.certificate else None
        except Exception:
            tcp.close()
            raise
        application = self.application()
        server = HttpServer(application.asgi(), tcp, tls, self.limits, self.report.gate.session.counters)

        def section() -> dict[str, Any]:
            shown = tls.state(time.time()) if tls is not None else {}
            return {**application.section(), "connections": len(server), **shown}

        self.report.add("http", section)
        return server
