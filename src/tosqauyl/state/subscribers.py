"""Where Kazakh mobile subscribers are: two bits for each of the 10^7 numbers behind every three-digit mobile code.

The lower bit says `known`, the upper one `abroad`; they lie side by side, so that a look-up touches memory once. 2.5 MB a
code, 47.5 MB for the 19 mobile codes however many numbers are listed; the memory may be mapped from a file.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from mypy_extensions import i64

from tosqauyl.errors import Mistake, TosqauylError

_NUMBERS = 10_000_000
PLANE = _NUMBERS // 4
"""Bytes of one code's plane: number n has the bits 2n and 2n + 1, counted from the lowest of the first byte."""
_ABROAD = tuple(3 << 2 * place for place in range(4))
_KNOWN_BITS = int.from_bytes(b"\x55" * PLANE, "little")
_BITS_OF = {"unknown": 0, "home": 1, "abroad": 3}
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
        self._planes = {f"+7{code}": memoryview(bytearray(PLANE)) for code in codes}
        self._promise = _Promise(codes, complete, ported or {})
        self._clean = True
        self.complete = False

    @staticmethod
    def over(planes: Mapping[str, memoryview], complete: bool = False) -> "Subscribers":
        """Subscribers whose planes are this writable memory, by code ('701').

        complete: what the attribute says; no promise is taken over. Raises TosqauylError where memory has another size.
        """
        if any(len(plane) != PLANE or plane.readonly for plane in planes.values()):
            raise TosqauylError(f"a subscriber plane does not have {PLANE:,} bytes")
        made = Subscribers(())
        made._planes = {f"+7{code}": plane for code, plane in planes.items()}
        made.complete = complete
        return made

    @property
    def codes(self) -> tuple[str, ...]:
        """The national codes that have a plane, in the order given."""
        return tuple(code[2:] for code in self._planes)

    def plane(self, code: str) -> memoryview:
        """The memory of one code ('701'); for those who write it to a file or count in it. Raises KeyError."""
        return self._planes[f"+7{code}"]

    def state(self, number: str) -> str:
        """abroad, home or unknown; unknown for everything that is no '+7' number of one of the codes. Never raises."""
        plane = self._planes.get(number[:5])
        tail = number[5:]
        if plane is None or len(tail) != 7 or not (tail.isdigit() and tail.isascii()):
            return "unknown"
        place: i64 = int(tail)
        byte: i64 = plane[place >> 2]
        bits = byte >> ((place & 3) * 2)
        if bits & 1:
            return "abroad" if bits & 2 else "home"
        return "unknown"

    def update(self, number: str, state: str) -> bool:
        """Set one subscriber's state (abroad, home, unknown); False if the number has no place in the planes."""
        plane = self._planes.get(number[:5])
        tail = number[5:]
        if plane is None or len(tail) != 7 or not (tail.isdigit() and tail.isascii()):
            return False
        place = int(tail)
        byte, shift = place >> 2, (place & 3) * 2
        plane[byte] = plane[byte] & ~(3 << shift) | _BITS_OF.get(state, 0) << shift
        return True

    def load(self, chunks: Iterable[bytes], file: str = "", progress: Callable[[int], None] | None = None) -> Loaded:
        """Add a list of subscribers abroad (not to planes that were mapped): one E.164 number a line, '+' optional,
        '#' begins a comment, CRLF allowed.

        chunks: the file's bytes in pieces of any size (1 MB is good). progress: called with the lines read so far
        after each chunk. Mistakes are counted, never raised.
        """
        loading = _Loading(self._planes, file)
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
        for code, plane in self._planes.items():
            if self._promise and not self._clean:
                abroad = int.from_bytes(plane, "little") & (_KNOWN_BITS << 1)
                plane[:] = (abroad | abroad >> 1).to_bytes(PLANE, "little")
            elif code in self._promise.codes and self.complete:
                plane[:] = (int.from_bytes(plane, "little") | _KNOWN_BITS).to_bytes(PLANE, "little")
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
            digest.update(self._planes[code])
        return digest.hexdigest()

    def count(self) -> dict[str, int]:
        """How many numbers are abroad and how many at home, counted now (some 0.2 s for 19 codes)."""
        counts = [count_of(plane) for plane in self._planes.values()]
        return {"abroad": sum(one[0] for one in counts), "home": sum(one[1] for one in counts)}


def is_blank(plane: memoryview) -> bool:
    """Whether nothing is known of any number of a plane; 0.3 ms."""
    return not int.from_bytes(plane, "little")


def count_of(plane: memoryview) -> tuple[int, int]:
    """(abroad, at home) in one plane; 8 ms."""
    bits = int.from_bytes(plane, "little")
    abroad = (bits >> 1 & bits & _KNOWN_BITS).bit_count()
    return abroad, (bits & _KNOWN_BITS).bit_count() - abroad


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

    def __init__(self, planes: dict[str, memoryview], file: str) -> None:
        self._file = file
        # What a view is of is twice as fast to change as the view.
        self._planes: dict[int, bytearray] = {int(code): _writable(plane) for code, plane in planes.items()}
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
        planes, bits = self._planes, _ABROAD
        texts = block.split()
        try:
            for number in map(int, texts):
                plane = planes[number // _NUMBERS]
                number %= _NUMBERS
                plane[number >> 2] |= bits[number & 3]
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
        plane[place >> 2] |= _ABROAD[place & 3]
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


def _writable(plane: memoryview) -> bytearray:
    """The memory of a plane, for the loop over millions of numbers. Only of planes that were not mapped from a file."""
    memory = plane.obj
    assert isinstance(memory, bytearray) and len(memory) == len(plane)  # noqa: S101, PT018 - told in the docstring of load
    return memory


def _has_leading_zero(block: bytes) -> bool:
    """int() would read 0077.. as 77..; such lines are looked at one by one."""
    return block.startswith((b"0", b"+0")) or b"\n0" in block or b"+0" in block
