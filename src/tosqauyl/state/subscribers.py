"""Where Kazakh mobile subscribers are: two bit planes for each three-digit mobile code.

For every one of the 10^7 numbers behind a code there is one bit `known` and one bit `abroad`: 1.25 MB a plane, 2.5 MB
a code, 47.5 MB for the 19 mobile codes however many numbers are listed.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from tosqauyl.errors import Mistake

_NUMBERS = 10_000_000
_BYTES = _NUMBERS // 8
_BITS = tuple(1 << bit for bit in range(8))
_MISTAKES_KEPT = 20
_PLAIN = b"+0123456789\n"


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a load found. numbers: lines that were taken; other: numbers of no mobile code (passed over, harmless);
    unreadable: lines that are no number; mistakes: the first 20 of `other` and `unreadable` with their lines;
    complete: whether not being listed now means being at home, where that was promised."""

    lines: int
    numbers: int
    other: int
    unreadable: int
    mistakes: tuple[Mistake, ...]
    complete: bool


class Subscribers:
    """Subscriber state of the given mobile codes ('701'; national codes after +7).

    complete: False, True, or the codes of which the list is promised to hold every subscriber abroad; with a mapping,
    operator -> its codes. Only after a load without one unreadable line does absence from the list mean `home`; a list
    that is damaged or empty is never taken as complete, because that would stop the calls of every roamer.
    ported: number -> operator, applied to the promise: a number ported to an operator without a complete list is
    unknown unless it is listed. With a plain set of codes the operators are not known: every ported number is unknown.
    """

    def __init__(
        self,
        codes: Iterable[str],
        complete: bool | Collection[str] | Mapping[str, Collection[str]] = False,
        ported: Mapping[str, str] | None = None,
    ) -> None:
        codes = tuple(codes)
        self._known = {f"+7{code}": bytearray(_BYTES) for code in codes}
        self._abroad = {f"+7{code}": bytearray(_BYTES) for code in codes}
        self._planes = {code: (self._known[code], self._abroad[code]) for code in self._known}
        self._promise = _Promise(codes, complete, ported or {})
        self._clean = True
        self.complete = False

    def state(self, number: str) -> str:
        """abroad, home or unknown; unknown for everything that is no '+7' number of one of the codes. Never raises."""
        planes = self._planes.get(number[:5])
        tail = number[5:]
        if planes is None or len(tail) != 7 or not (tail.isdigit() and tail.isascii()):
            return "unknown"
        place = int(tail)
        byte, bit = place >> 3, 1 << (place & 7)
        known, abroad = planes
        if known[byte] & bit:
            return "abroad" if abroad[byte] & bit else "home"
        return "unknown"

    def update(self, number: str, state: str) -> bool:
        """Set one subscriber's state (abroad, home, unknown); False if the number has no place in the planes."""
        planes = self._planes.get(number[:5])
        tail = number[5:]
        if planes is None or len(tail) != 7 or not (tail.isdigit() and tail.isascii()):
            return False
        place = int(tail)
        byte, bit = place >> 3, 1 << (place & 7)
        for plane, on in zip(planes, (state in ("abroad", "home"), state == "abroad"), strict=True):
            plane[byte] = plane[byte] | bit if on else plane[byte] & ~bit
        return True

    def load(self, chunks: Iterable[bytes], file: str = "", progress: Callable[[int], None] | None = None) -> Loaded:
        """Add a list of subscribers abroad: one E.164 number a line, '+' optional, '#' begins a comment, CRLF allowed.

        chunks: the file's bytes in pieces of any size (1 MB is good). progress: called with the lines read so far
        after each chunk. Mistakes are counted, never raised.
        """
        loading = _Loading(self._abroad, file)
        rest = b""
        for chunk in chunks:
            block, newline, rest = (rest + chunk).rpartition(b"\n")
            loading.take(block + newline)
            if progress:
                progress(loading.lines)
        loading.take(rest)
        if rest and progress:
            progress(loading.lines)
        self._clean = self._clean and loading.unreadable == 0 and loading.numbers > 0
        self._settle()
        return loading.loaded(self.complete)

    def _settle(self) -> None:
        """Bring `known` in line with `abroad` and with the promise of completeness."""
        self.complete = bool(self._promise) and self._clean
        for code, abroad in self._abroad.items():
            known = self._known[code]
            if self._promise and not self._clean:
                known[:] = abroad
                continue
            if code in self._promise.codes and self.complete:
                known[:] = b"\xff" * _BYTES
            else:
                known[:] = _either(known, abroad)
        if self.complete:
            self._apply_ported()

    def _apply_ported(self) -> None:
        """Ported numbers follow the promise of the operator they are with now."""
        for number, promised in self._promise.ported.items():
            if self.state(number) != "abroad":
                self.update(number, "home" if promised else "unknown")

    @property
    def hash(self) -> str:
        """16 hex digits of the planes as they are now (some 50 ms for 19 codes)."""
        digest = hashlib.blake2b(digest_size=8)
        for code in sorted(self._planes):
            digest.update(code.encode())
            for plane in self._planes[code]:
                digest.update(plane)
        return digest.hexdigest()

    def count(self) -> dict[str, int]:
        """How many numbers are abroad and how many at home, counted now (some 0.2 s for 19 codes)."""
        known = sum(map(_ones, self._known.values()))
        abroad = sum(map(_ones, self._abroad.values()))
        return {"abroad": abroad, "home": known - abroad}


class _Promise:
    """For which codes and which ported numbers the list is promised to be complete."""

    def __init__(
        self,
        codes: tuple[str, ...],
        complete: bool | Collection[str] | Mapping[str, Collection[str]],
        ported: Mapping[str, str],
    ) -> None:
        operators: Collection[str] = ()
        if isinstance(complete, bool):
            promised: Collection[str] = codes if complete else ()
        elif isinstance(complete, Mapping):
            operators = complete.keys()
            promised = {code for of_operator in complete.values() for code in of_operator}
        else:
            promised = complete
        self.codes = {f"+7{code}" for code in promised}
        everything = complete is True
        self.ported = {number: everything or operator in operators for number, operator in ported.items()}

    def __bool__(self) -> bool:
        return bool(self.codes)


class _Loading:
    """One run over a list: sets bits and counts."""

    def __init__(self, abroad: dict[str, bytearray], file: str) -> None:
        self._file = file
        self._planes = {int(code): plane for code, plane in abroad.items()}
        self.lines = self.numbers = self.other = self.unreadable = 0
        self._mistakes: list[Mistake] = []

    def loaded(self, complete: bool) -> Loaded:
        """The result."""
        return Loaded(self.lines, self.numbers, self.other, self.unreadable, tuple(self._mistakes), complete)

    def take(self, block: bytes) -> None:
        """Whole lines: fast if they hold nothing but numbers of ours, else one by one."""
        if b"\r" in block:
            block = block.replace(b"\r\n", b"\n")
        numbers = None if block.translate(None, _PLAIN) or _has_leading_zero(block) else self._fast(block)
        if numbers is None:
            self._slow(block)
            return
        self.numbers += numbers
        self.lines += block.count(b"\n") + (0 if block.endswith(b"\n") or not block else 1)

    def _fast(self, block: bytes) -> int | None:
        """How many numbers were set; None if a line is something else (then all lines are looked at again)."""
        planes, bits = self._planes, _BITS
        texts = block.split()
        try:
            for number in map(int, texts):
                plane = planes[number // _NUMBERS]
                number %= _NUMBERS
                plane[number >> 3] |= bits[number & 7]
        except (KeyError, ValueError):
            return None
        return len(texts)

    def _slow(self, block: bytes) -> None:
        lines = block.split(b"\n")
        if not lines[-1]:
            lines.pop()
        for line in lines:
            self.lines += 1
            text = line.partition(b"#")[0].strip(b" \t")
            if text:
                self._one(text)

    def _one(self, text: bytes) -> None:
        digits = text.removeprefix(b"+")
        if not self._is_e164(digits):
            self.unreadable += 1
            self._mistake(text, "is no E.164 number")
            return
        code, place = divmod(int(digits), _NUMBERS)
        plane = self._planes.get(code)
        if plane is None:
            self.other += 1
            self._mistake(text, "is not of a Kazakh mobile code")
            return
        plane[place >> 3] |= _BITS[place & 7]
        self.numbers += 1

    def _is_e164(self, digits: bytes) -> bool:
        """Whether it can be a whole number with its country code. 8 701 ... is a Kazakh number in national writing, not
        one of country 870: passing it over would lose a roamer from the list."""
        if not digits.isdigit() or not 7 <= len(digits) <= 15 or digits.startswith(b"0"):
            return False
        if len(digits) == 11 and digits.startswith(b"8"):
            return int(b"7" + digits[1:]) // _NUMBERS not in self._planes
        return len(digits) == 11 or not digits.startswith(b"7")

    def _mistake(self, text: bytes, what: str) -> None:
        if len(self._mistakes) < _MISTAKES_KEPT:
            shown = text[:24].decode("ascii", "backslashreplace")
            hint = "one number a line, like +77012345678"
            self._mistakes.append(Mistake(self._file, self.lines, 0, f"{shown!r} {what}", hint))


def _has_leading_zero(block: bytes) -> bool:
    """int() would read 0077.. as 77..; such lines are looked at one by one."""
    return block.startswith((b"0", b"+0")) or b"\n0" in block or b"+0" in block


def _either(one: bytearray, other: bytearray) -> bytes:
    """The bits set in one of two planes; 2 ms, by way of two large integers."""
    return (int.from_bytes(one, "little") | int.from_bytes(other, "little")).to_bytes(_BYTES, "little")


def _ones(plane: bytearray) -> int:
    return int.from_bytes(plane, "little").bit_count()
