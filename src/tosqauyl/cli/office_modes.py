"""A gate that follows the office's modes of rules: where they are kept, and how they come to hold (gate/office_modes.py)."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import SystemRandom

from tosqauyl.cli.asking import modes_office_of
from tosqauyl.cli.build import to_stderr
from tosqauyl.cli.modes_now import ModesNow
from tosqauyl.config.load import Config
from tosqauyl.config.office_modes import office_modes_in, set_mode, write_office_modes
from tosqauyl.errors import FileMistakes
from tosqauyl.gate.office_modes import ModesFollower, Use
from tosqauyl.gate.reload import Reloader
from tosqauyl.networks.desk import Senses
from tosqauyl.networks.office.modes import NO_MODES, OfficeModes


def follow_modes(
    config: Config, now: ModesNow, reloader: Reloader, retract: Callable[[], None]
) -> ModesFollower | None:
    """Who goes on to ask the office; None where its modes are not followed. retract: takes out of force what `now` knows to be
    retracted. Raises TosqauylError where the office cannot be asked."""
    if not config.publications.modes:
        return None
    data = Path(config.data)

    def hear(told: OfficeModes) -> None:
        now.hear_office(map(set_mode, told.modes))
        retract()

    use = Use(hear, partial(write_office_modes, data), reloader.request)
    senses = Senses(time.time, SystemRandom().random)
    stale = config.publications.stale_minutes * 60.0
    return ModesFollower(modes_office_of(config.publications.office), _begun(data), use, senses, to_stderr, stale)


def _begun(data: Path) -> OfficeModes:
    """What the gate had when it was stopped; nothing where that is damaged: then it comes anew."""
    try:
        return office_modes_in(data)
    except FileMistakes:
        return NO_MODES
