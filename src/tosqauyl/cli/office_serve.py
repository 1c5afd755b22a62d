"""`tosqauyl office serve`: the office's API in the foreground, with its jobs."""

import argparse
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tosqauyl.cli.build import to_stderr
from tosqauyl.cli.office_files import add_place, of_place, registry_of
from tosqauyl.errors import TosqauylError
from tosqauyl.journal.append import private_folder
from tosqauyl.texts import Texts

if TYPE_CHECKING:
    from tosqauyl.config.office import OfficeConfig
    from tosqauyl.registry.actor import Actor
    from tosqauyl.registry.store import Registry, Work
    from tosqauyl.web.live.fetch import Gates
    from tosqauyl.web.office import Office
    from tosqauyl.web.serve import Job

MINUTE, HOUR, DAY = 60.0, 3_600.0, 86_400.0
LATER = 10 * MINUTE
"""After the start, for jobs that read whole tables."""
CHANGES_KEPT_MS = 30 * 86_400_000
"""How long changes of the list are kept; a gate that was away for longer takes the whole list."""


def add_serve(verbs: Any, t: Texts) -> None:
    """Add `serve`."""
    about = t("Serve the office until stopped. Prints its address when it takes requests.")
    parser = verbs.add_parser("serve", help=t("serve the office"), description=about)
    add_place(parser, t)
    parser.set_defaults(run=run, texts=t)


def run(options: argparse.Namespace) -> int:
    """Serve; exit code 0 when stopped by SIGTERM or SIGINT."""
    config = of_place(options)
    from tosqauyl.web.app import build
    from tosqauyl.web.live.fetch import Gates
    from tosqauyl.web.serve import Jobs, listen, serve

    private_folder(config.data)
    with registry_of(config) as registry:
        _look(registry)
        office = office_of(config, registry)
        gates = Gates(office.calls.gates)
        jobs = Jobs([*jobs_of(config, office), *gate_jobs(office, gates)], office)
        tcp = listen(config.serve)
        try:
            jobs.start()
            serve(build(office), tcp, config.serve, lambda address: print("ready", address, flush=True))
        finally:
            tcp.close()
            for name in jobs.stop():
                to_stderr(f"the job {name} was still running")
            gates.close()
    return 0


def _look(registry: "Registry") -> None:
    """Refuse tables of another version. A database that is down is told and waited for: the office says so to whoever asks."""
    from tosqauyl.registry.errors import Unavailable
    from tosqauyl.registry.migrate import is_current
    from tosqauyl.registry.store import told

    try:
        with told():
            current = is_current(registry.engine)
    except Unavailable as error:
        to_stderr(f"ALARM: {error}")
        return
    if not current:
        raise TosqauylError("the database's tables are of another version", hint="tosqauyl office upgrade")


def office_of(config: "OfficeConfig", registry: "Registry") -> "Office":
    """The office as the application serves it. Raises TosqauylError."""
    from tosqauyl.registry.oidc import Relying
    from tosqauyl.registry.passwords import Passwords
    from tosqauyl.registry.sms import FileSms
    from tosqauyl.web.access import Desk
    from tosqauyl.web.office import Office

    single = Relying(config.provider, registry.vault, registry.clock) if config.provider is not None else None
    desk = Desk(registry, Passwords(config.passwords), config.sessions, config.secure, single)
    sms = FileSms(config.data) if config.sms_file else NoSms()
    return Office(
        registry,
        desk,
        sms,
        config.data,
        to_stderr,
        config.public_url,
        config.limits,
        receivers=config.receivers,
        calls=config.calls,
        is_demo=config.is_demo,
        policy=config.policy,
    )


def gate_jobs(office: "Office", gates: "Gates") -> "list[Job]":
    """Have the office see its gates live: what looks at them. gates: the connections to them."""
    from tosqauyl.web.live.watch import EVERY, Live
    from tosqauyl.web.serve import Job

    if not office.calls.gates:
        return []
    office.live = Live([one.name for one in office.calls.gates], gates, office.registry.clock)
    return [Job("gates", EVERY, office.live.poll)]


class NoSms:
    """Where nobody set a way to send texts up: a number is proven by its operator's word only."""

    def send(self, number: str, text: str) -> None:
        """Raises TosqauylError."""
        raise TosqauylError(
            "this office has no way to send texts", hint="the number's operator can confirm whose it is"
        )


def jobs_of(config: "OfficeConfig", office: "Office") -> "list[Job]":
    """Everything an office does by itself."""
    from tosqauyl.registry import actions, appeals, buckets, checks, decisions, incidents, list_files, publish
    from tosqauyl.registry.deliveries import deliver_due
    from tosqauyl.registry.guarded_fetch import GuardedFetch
    from tosqauyl.registry.retention import run as let_go
    from tosqauyl.web.idempotency import forget
    from tosqauyl.web.routes.lists import FOLDER
    from tosqauyl.web.serve import Job

    registry, fetch, kept = office.registry, GuardedFetch(config.receivers), config.data / FOLDER

    # Files are written without a transaction that writes: on SQLite every report would wait for it.
    work, read = partial(_once, registry.work), partial(_once, registry.read)
    jobs = [
        Job("indicators", 10.0, work(decisions.expire)),
        Job("appeals", MINUTE, work(appeals.expire)),
        Job("actions", MINUTE, work(actions.expire)),
        Job("incidents", MINUTE, work(incidents.wake)),
        Job("checks", MINUTE, work(checks.remind)),
        Job("deliveries", 5.0, lambda: deliver_due(registry, fetch, registry.clock())),
        Job("list", MINUTE, read(lambda doing: list_files.refresh(doing, kept))),
        Job("keys", MINUTE / 2, lambda: _refreshed(registry)),
        Job("buckets", HOUR, work(buckets.prune)),
        Job("answers", HOUR, work(lambda doing: forget(doing, config.limits.idempotency_hours))),
        Job("figures", DAY, lambda: _rolled_up(registry), LATER),
        Job("changes", HOUR, work(lambda doing: publish.trim(doing, doing.now - CHANGES_KEPT_MS))),
        Job("retention", DAY, lambda: let_go(registry, config.retention), LATER),
    ]
    if config.lists:
        folder = Path(config.lists)
        jobs.append(Job("list folder", 2.0, read(lambda doing: list_files.export(doing, kept, folder))))
    return jobs


def _once(
    begin: "Callable[[Actor], AbstractContextManager[Work]]", do: "Callable[[Work], object]"
) -> Callable[[], object]:
    """A piece of work in a unit of work of its own."""

    def once() -> object:
        from tosqauyl.registry.actor import SYSTEM

        with begin(SYSTEM) as doing:
            return do(doing)

    return once


def _rolled_up(registry: "Registry") -> object:
    """Count the reports of settled days, a month in each transaction: so others get in between."""
    from tosqauyl.registry import figures
    from tosqauyl.registry.actor import SYSTEM

    with registry.read(SYSTEM) as reading:
        months = figures.to_roll_up(reading)
    rows = 0
    for month in months:
        with registry.work(SYSTEM) as doing:
            rows += figures.roll_up(doing, month)
    return rows


def _refreshed(registry: "Registry") -> object:
    """Take keys that came into the vault's file: so that new values are sealed under them."""
    from tosqauyl.registry.rotation import FileVault

    return registry.vault.refresh() if isinstance(registry.vault, FileVault) else False
