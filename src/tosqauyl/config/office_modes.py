"""`office-modes.json` in the data folder: the modes that the office has standing, as it gave them; beside the gate's own.

A retraction of either side wins. Of two promotions the later one counts.
"""

from collections.abc import Iterable
from pathlib import Path

from tosqauyl.config.modes_file import Backtested, SetMode
from tosqauyl.durable import write_whole
from tosqauyl.errors import FileMistakes, Mistake, TosqauylError
from tosqauyl.networks.office.modes import MOST_MODES_BYTES, NO_MODES, OfficeMode, OfficeModes, read_document

FILE = "office-modes.json"
HINT = "remove the file: the gate takes it from the office anew"


def read_office_modes(data: Path, follows: bool = True) -> tuple[SetMode, ...]:
    """The office's modes in a data folder; none where there is no file, or where they are not followed. Raises FileMistakes where
    it is damaged: half of it could lack a retraction."""
    return tuple(map(set_mode, office_modes_in(data).modes)) if follows else ()


def office_modes_in(data: Path) -> OfficeModes:
    """The document in a data folder; NO_MODES where there is no file. Raises FileMistakes."""
    path = data / FILE
    try:
        with path.open("rb") as file:
            return read_document(file.read(MOST_MODES_BYTES + 1))
    except FileNotFoundError:
        return NO_MODES
    except OSError as error:
        hint = "the gate's user must be able to read it"
        raise FileMistakes([Mistake(str(path), 0, 0, f"cannot be read: {error.strerror}", hint)]) from None
    except TosqauylError as error:
        raise FileMistakes([Mistake(str(path), 0, 0, error.what, HINT)]) from None


def write_office_modes(data: Path, text: bytes) -> None:
    """Put a document that was read in place, durably and in one step. Raises OSError."""
    write_whole(data / FILE, text.decode("utf-8"))


def set_mode(one: OfficeMode) -> SetMode:
    """A mode of the office as one of the gate's own file."""
    return SetMode(
        one.rule, one.mode, one.percent, one.reason, f"office: {one.by}", one.on, one.report, one.made_for, one.since,
        Backtested(*one.tested),
    )  # fmt: skip


def joined(own: Iterable[SetMode], office: Iterable[SetMode]) -> tuple[SetMode, ...]:
    """What counts of both, one a rule."""
    found = {one.rule: one for one in own}
    for one in office:
        mine = found.get(one.rule)
        found[one.rule] = one if mine is None else _stronger(mine, one)
    return tuple(found.values())


def _stronger(own: SetMode, other: SetMode) -> SetMode:
    if own.is_retraction or other.is_retraction:
        return own if own.is_retraction else other
    return other if other.since > own.since else own
