"""When was it known where a subscriber is: by operator, and by number for those of whom an event said that they are abroad.

It belongs to the running gate, as rates do, and not to a snapshot: who feeds it is gate/feeds. One number takes one word of
eight bytes, in sets of eight words (a line of the processor's cache), so that a look-up touches memory once and nothing is
ever moved. Where a set is full the number noted longest ago gives way; its operator's time is told for it from then on.
"""

from typing import Final

from librt.vecs import vec
from mypy_extensions import i64

from tosqauyl.state.rates_table import mixed

MOST_NUMBERS: Final = 1 << 20
"""Numbers abroad that are kept by default: 8.4 MB. Some half of that many Kazakh subscribers are abroad in a summer."""
MINUTE: Final = 60.0
NOT_KNOWN: Final = ("none", -1.0)
"""What is told where nobody said anything."""
_WAYS: Final = 8
_SETS_A_PAGE: Final = 512
_MINUTE_BITS: Final = 26
_MINUTES: Final = (1 << 26) - 1
"""Minutes since 1970 that have room: until the year 2097."""
_LOW: Final = (1 << 30) - 1


class _Told:
    """When an operator's feed was last heard, when its list was made, and when its last whole list by the feed was."""

    def __init__(self) -> None:
        self.feed = 0.0
        self.listed = 0.0
        self.whole = 0.0


class Freshness:
    """Since when it is known where subscribers are. Times are seconds since 1970. Not thread-safe.

    most: numbers kept, rounded up to whole sets; `evictions` counts those that gave way, `len()` those kept now.
    """

    def __init__(self, most: int = MOST_NUMBERS) -> None:
        self._sets: i64 = max(1, -(-most // _WAYS))
        self._pages: list[vec[i64]] = [vec[i64]() for _ in range(-(-int(self._sets) // _SETS_A_PAGE))]
        self._told: dict[str, _Told] = {}
        self._count: i64 = 0
        self.evictions = 0

    def age(self, number: str, operator: str, state: str, wall: float) -> tuple[str, float]:
        """Who said that a subscriber is abroad or at home ('feed', 'list', 'none'), and how many seconds ago; -1.0 for none.

        number: '+7...'; operator: who serves it now; state: what is known, abroad or home. Of somebody abroad it is the
        time of his event, if no whole list came since; else, and for everybody at home, the time when the operator was last
        heard: whoever moved would have been told of by then. Never raises; 0.3 us.
        """
        told = self._told.get(operator)
        if told is None:
            return NOT_KNOWN
        if state == "abroad" and self._count > 0:
            at = self._noted(number)
            if at > 0.0 and at >= told.whole:
                return "feed", max(0.0, wall - at)
        if told.feed > 0.0:
            return "feed", max(0.0, wall - told.feed)
        return "list", max(0.0, wall - told.listed)

    def abroad_since(self, number: str, operator: str) -> float:
        """When an event said that this subscriber is abroad, if no whole list came since; to the minute, rounded down. 0.0 where
        that is not known."""
        told = self._told.get(operator)
        at = self._noted(number) if told is not None else 0.0
        return at if told is not None and at >= told.whole else 0.0

    def set_operator(self, operator: str, heard: float, source: str) -> None:
        """An operator was heard. source: 'feed', when it last said anything; 'list', when its roaming file was written.

        An operator that has a feed is told of by that, however new its file is: the feed is what was applied last.
        0.0 takes back what was said.
        """
        told = self._of(operator)
        if source == "feed":
            told.feed = heard
        else:
            told.listed = heard
        if told.feed <= 0.0 and told.listed <= 0.0:
            del self._told[operator]

    def set_whole(self, operator: str, made: float) -> None:
        """A whole list of an operator came by its feed; what was noted of its numbers before it was made is out of date.

        Call `set_operator` first: this does nothing for an operator that was never heard.
        """
        told = self._told.get(operator)
        if told is not None:
            told.whole = made

    def note(self, number: str, state: str, at: float) -> None:
        """An event: where a subscriber is since `at`. Only those abroad are kept; numbers that are no '+7' are passed over."""
        key = _key_of(number)
        if key < 0:
            return
        minute = _minute_of(at)
        page, first = self._set_of(key)
        words = self._pages[page]
        if len(words) == 0:
            if state != "abroad" or minute == 0:
                return
            words = self._pages[page] = vec[i64]([0] * (_SETS_A_PAGE * _WAYS))
        place = _find(words, first, key)
        if state != "abroad" or minute == 0:
            if place >= 0:
                self._take_out(words, first, place)
        elif place < 0:
            self._put(words, first, key << _MINUTE_BITS | minute)
        elif words[place] & _MINUTES < minute:
            words[place] = key << _MINUTE_BITS | minute

    def __len__(self) -> int:
        return int(self._count)

    def _of(self, operator: str) -> _Told:
        told = self._told.get(operator)
        if told is None:
            told = self._told[operator] = _Told()
        return told

    def _noted(self, number: str) -> float:
        """When an event said that a number is abroad; 0.0 where none did, or it had to give way."""
        key = _key_of(number)
        if key < 0:
            return 0.0
        page, first = self._set_of(key)
        words = self._pages[page]
        if len(words) == 0:
            return 0.0
        place = _find(words, first, key)
        return float(words[place] & _MINUTES) * MINUTE if place >= 0 else 0.0

    def _set_of(self, key: i64) -> tuple[i64, i64]:
        """The page of a key's set, and where in it the set begins."""
        chosen: i64 = ((mixed(key, 0) & _LOW) * self._sets) >> 30
        page: i64 = chosen >> 9
        first: i64 = (chosen & (_SETS_A_PAGE - 1)) * _WAYS
        return page, first

    def _put(self, words: vec[i64], first: i64, word: i64) -> None:
        """A new number at the first free place of its set, or instead of the one noted longest ago."""
        oldest = first
        for place in range(first, first + _WAYS):
            if words[place] == 0:
                words[place] = word
                self._count += 1
                return
            if words[place] & _MINUTES < words[oldest] & _MINUTES:
                oldest = place
        self.evictions += 1
        words[oldest] = word

    def _take_out(self, words: vec[i64], first: i64, place: i64) -> None:
        """The last number of the set moves into the place, so that a set has no holes."""
        last: i64 = first + _WAYS - 1
        while words[last] == 0:
            last -= 1
        words[place] = words[last]
        words[last] = 0
        self._count -= 1


def _find(words: vec[i64], first: i64, key: i64) -> i64:
    """The place of a key in its set, -1 where it is not there."""
    for place in range(first, first + _WAYS):
        word = words[place]
        if word == 0:
            return -1
        if word >> _MINUTE_BITS == key:
            return place
    return -1


def _key_of(number: str) -> i64:
    """The ten digits behind '+7' as one integer below 2**34; -1 for any other text."""
    if len(number) != 12 or not number.startswith("+7"):
        return -1
    digits = number[2:]
    if not (digits.isascii() and digits.isdigit()):
        return -1
    return int(digits)


def _minute_of(at: float) -> i64:
    """Whole minutes since 1970; 0 for a time that has no place, such as one before 1970."""
    minutes = at / MINUTE
    return int(minutes) if 1.0 <= minutes <= 67_000_000.0 else 0
