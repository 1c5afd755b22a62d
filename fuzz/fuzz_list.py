"""Fuzz what a gate reads of the office: `python fuzz/fuzz_list.py -max_total_time=600`.

Whatever comes, with its digest made right so that everything behind it is met: it is refused with an error of ours that names no
number, or read, and then it is the same in any pieces and can be looked up.
Seeds: a list and changes, where no corpus directory is named.
"""

from contextlib import suppress

import atheris
from _start import start, write_all

with atheris.instrument_imports(include=["tosqauyl.networks.office.list_text", "tosqauyl.state.published_pack"]):
    from tosqauyl.errors import TosqauylError
    from tosqauyl.networks.office.list_text import Listed, ListReader, changes_in, cut_changes, sealed
    from tosqauyl.state.indicators import Indicators
    from tosqauyl.state.published import Published

NUMBERS = ("+77011234567", "+447700900111", "1414", "", "+7701１２３４５６７")
NAME = "0123456789abcdef" * 2


def whole(data: bytes, size: int) -> Listed | None:
    """A list in pieces of one size; None where it is refused."""
    reader = ListReader()
    try:
        for at in range(0, len(data), size):
            reader.take(data[at : at + size])
        return reader.finish()
    except TosqauylError as error:
        said = str(error)
    assert not any(number in said for number in NUMBERS if number)
    return None


def one(data: bytes) -> None:
    """One input: bytes as they are, and with their digest."""
    for text in (data, sealed(data)):
        found = whole(text, max(len(text), 1))
        again = whole(text, 7)
        assert (found is None) == (again is None)
        if found is not None and again is not None:
            assert found.packed == again.packed
            indicators = Indicators.over(found.packed)
            for number in NUMBERS:
                assert indicators.find(number, 0.0).id.isprintable()
        with suppress(TosqauylError):
            told = changes_in(text)
            assert [row.seq for row in told.rows] == list(range(told.after + 1, told.last + 1))
            middle = (told.after + told.last) // 2
            assert changes_in(cut_changes(told, middle).text).rows == told.rows[middle - told.after :]
            published = Published()
            published.apply(told.rows)
            assert published.changes <= len(told.rows)


def seeds() -> list[bytes]:
    """Texts as an office writes them, without their last line and with it."""
    row = b"+77011234567\tblock\t1798761600\t0195f0a2-7c1e-7a31-9c00-3f2b5d8e9a01\n1414\tmark\t-\t-\n"
    changes = b"42\t+77011234567\tnone\t-\t-\n43\t1414\tallow\t5\tx\n"
    bodies = [
        f"tosqauyl-list 1 {NAME} 41 2\n".encode() + row,
        f"tosqauyl-changes 1 {NAME} 41 43\n".encode() + changes,
        f"tosqauyl-changes 1 {NAME} 41 41\n".encode(),
    ]
    return [*bodies, *map(sealed, bodies)]


if __name__ == "__main__":
    start(one, lambda folder: write_all(folder, seeds()))
