"""LIKE as DuckDB means it, in Python: % is any run of code points, _ any single one, case counts.

No regular expression: leftmost matching of the pieces between % takes at most len(text) x len(pattern) steps, while a
regular expression with several .* can be made to take days by the sender of a display name.
"""

from collections.abc import Callable

Piece = tuple[str | None, ...]
"""Letters between two %; None stands for _."""


def pieces(pattern: str, escape: str) -> list[Piece]:
    """Split a pattern at its %; a pattern without % gives one piece."""
    found: list[Piece] = []
    piece: list[str | None] = []
    escaped = False
    for letter in pattern:
        if escaped:
            piece.append(letter)
            escaped = False
        elif escape and letter == escape:
            escaped = True
        elif letter == "%":
            found.append(tuple(piece))
            piece = []
        else:
            piece.append(None if letter == "_" else letter)
    found.append(tuple(piece))
    return found


def plain(piece: Piece) -> str | None:
    """The piece as text, or None if it has a _."""
    letters = [letter for letter in piece if letter is not None]
    return "".join(letters) if len(letters) == len(piece) else None


def matcher(pattern: str, escape: str) -> Callable[[str], bool]:
    """A function that says whether a text matches."""
    parts = pieces(pattern, escape)
    first, last, middle = parts[0], parts[-1], parts[1:-1]
    least = sum(len(part) for part in parts)

    def fits_whole(text: str) -> bool:
        return len(text) == least and _fits(text, 0, first)

    def fits_pieces(text: str) -> bool:
        end = len(text) - len(last)
        if len(text) < least or not _fits(text, 0, first) or not _fits(text, end, last):
            return False
        place = len(first)
        for part in middle:
            while place + len(part) <= end and not _fits(text, place, part):
                place += 1
            place += len(part)
            if place > end:
                return False
        return True

    return fits_whole if len(parts) == 1 else fits_pieces


def _fits(text: str, place: int, piece: Piece) -> bool:
    return all(letter is None or text[place + step] == letter for step, letter in enumerate(piece))
