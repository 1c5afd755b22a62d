"""What the office publishes of numbers, as a gate has it: a list that was packed, and the changes since.

It lives apart from snapshots and outlives them: a snapshot is built from files, this follows the office by the second. Of a number
the last change counts; it overrides the list, and 'none' takes a listing back.
"""

from collections.abc import Iterable
from typing import NamedTuple

from tosqauyl.state.indicators import NO_HIT, Hit, Indicators

NEVER = float("inf")
"""The expiry of what holds until it is taken back."""
_EVER = float("-inf")
"""A moment before every expiry: a look-up at it finds whatever is on the list."""


class Change(NamedTuple):
    """What the office says of one number from a moment on. seq: counts its changes, without a gap; listing: block, mark, allow or
    none; expires: seconds since 1970, NEVER where it has no end; id: of the indicator or condition behind it, '' if not said."""

    seq: int
    number: str
    listing: str
    expires: float
    id: str


class Published:
    """The list that holds now. Not thread-safe: changed from the gate's loop only, between two calls.

    list_id: names the office's list, '' before the first one; base_seq: of the packed list; seq: of the last change in it.
    """

    def __init__(self) -> None:
        self.list_id = ""
        self.seq = self.base_seq = 0
        self._base = Indicators()
        self._changes: dict[str, tuple[float, Hit, int]] = {}
        self._beyond = 0  # entries that the changes add to the base's, less those they take away

    def find(self, number: str, now: float) -> Hit:
        """What holds for the number at `now` (seconds since 1970; exact to the second of expiry). Never raises."""
        change = self._changes.get(number)
        if change is None:
            return self._base.find(number, now)
        return change[1] if now < change[0] else NO_HIT

    def apply(self, changes: Iterable[Change]) -> None:
        """Let changes hold, oldest first; those that are in the packed list already are passed over. 1.5 us each."""
        kept = self._changes
        for seq, number, listing, expires, name in changes:
            if seq <= self.base_seq:
                continue
            before = kept.pop(number, None)  # so that the order of the dict is that of the changes
            was = self._base.find(number, _EVER) if before is None else before[1]
            self._beyond += (listing != "none") - (was.listed != "none")
            hit = NO_HIT if listing == "none" else Hit(False, listing, name)
            kept[number] = (NEVER if hit is NO_HIT else expires, hit, seq)
            if seq > self.seq:
                self.seq = seq

    def replace(self, base: Indicators, list_id: str, seq: int, keep: bool) -> Indicators:
        """Put another packed list in place. seq: of its last change. keep: later changes of the same list go on to hold; else it is
        another list, or one that went back, and what the gate heard of the old one is forgotten.

        The packed list that was there before: whoever lets go of it last waits for its memory to be unmapped.
        """
        later = self._later_than(seq) if keep and list_id == self.list_id else []
        old, self._base, self._changes, self._beyond = self._base, base, {}, 0
        self.list_id, self.base_seq, self.seq = list_id, seq, seq
        self.apply(later)
        return old

    def _later_than(self, seq: int) -> list[Change]:
        """The changes behind one, oldest first. As long as they are few it does not matter how many there are in all."""
        found: list[Change] = []
        for number in reversed(self._changes):
            expires, hit, at = self._changes[number]
            if at <= seq:
                break
            found.append(Change(at, number, hit.listed, expires, hit.id))
        found.reverse()
        return found

    @property
    def changes(self) -> int:
        """Numbers of which something changed since the packed list."""
        return len(self._changes)

    def __len__(self) -> int:
        """Numbers that are on the list, expired ones among them until the office takes them off."""
        return len(self._base) + self._beyond
