"""Display names that pass themselves off as a bank, the police or a state body.

The fold is one way: both the list and the name are reduced to the same skeleton (after the idea of Unicode TS 39), in which
letters that look alike in Latin and Cyrillic, Kazakh letters and the digits that stand in for letters are one.
"""

import unicodedata
from functools import lru_cache
from importlib.resources import files

CLASSES = ("state", "police", "bank")
"""In order of precedence: "National Bank" is a state body before it is a bank."""

_LOOKS_LIKE = str.maketrans(
    {
        # Cyrillic letters, lower case, and the Latin ones they are taken for
        "а": "a", "в": "b", "е": "e", "ё": "e", "к": "k", "қ": "k", "м": "m", "н": "h", "ң": "h", "һ": "h",
        "о": "o", "ө": "o", "р": "p", "с": "c", "т": "t", "у": "y", "ү": "y", "ұ": "y", "х": "x", "і": "i", "ї": "i",
        "ѕ": "s", "ј": "j", "ԁ": "d", "ԛ": "q", "ԝ": "w", "ә": "ə", "ғ": "г", "п": "п", "и": "и",
        # Greek
        "α": "a", "β": "b", "ε": "e", "ι": "i", "κ": "k", "ν": "v", "ο": "o", "ρ": "p", "τ": "t", "υ": "y", "χ": "x",
        # stand-ins; i, l, 1 and | are one sign to a reader
        "0": "o", "1": "i", "l": "i", "|": "i", "!": "i", "3": "з", "$": "s", "5": "s", "@": "a", "4": "a", "ı": "i",
    }
)  # fmt: skip
_ZERO_WIDTH = dict.fromkeys((0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF, 0x00AD))
_LONGEST = 128
"""Characters of a display name that are looked at; handsets show about 30."""


def fold(text: str) -> str:
    """The skeleton of a name: words of letters that look alike folded, one space between, lower case."""
    plain = unicodedata.normalize("NFKD", text[:_LONGEST].translate(_ZERO_WIDTH)).casefold()
    # й and ё decompose to a letter and a mark: marks go, on both sides alike.
    bare = "".join(letter for letter in plain if not unicodedata.combining(letter)).translate(_LOOKS_LIKE)
    words = "".join(letter if letter.isalnum() else " " for letter in bare).split()
    return " ".join(_join_spelled(words))


def _join_spelled(words: list[str]) -> list[str]:
    """'k a s p i' is one word: three or more single letters in a row are joined."""
    joined: list[str] = []
    run: list[str] = []
    for word in [*words, ""]:
        if len(word) == 1:
            run.append(word)
            continue
        joined += ["".join(run)] if len(run) > 2 else run
        run = []
        if word:
            joined.append(word)
    return joined


def _phrases() -> dict[str, tuple[str, ...]]:
    text = (files("tosqauyl.screen") / "data" / "impersonation.txt").read_text("utf-8")
    rows = [line.split("\t") for line in text.splitlines() if line and not line.startswith("#")]
    folded = {klass: [fold(phrase) for name, phrase in rows if name == klass] for klass in CLASSES}
    # "kaspibank" is written as one word as often as as two.
    return {
        klass: tuple(dict.fromkeys(f" {form} " for phrase in phrases for form in (phrase, phrase.replace(" ", ""))))
        for klass, phrases in folded.items()
    }


PHRASES = _phrases()
"""The folded phrases of each class, with a space on both sides so that only whole words match."""


@lru_cache(maxsize=8192)
def impersonated(display_name: str) -> str:
    """Whom a display name passes itself off as: "bank", "police", "state", or "none". Never raises."""
    if display_name.isascii() and not any(letter.isalpha() for letter in display_name) and len(display_name) > 5:
        return "none"  # a number as a name, the usual case
    padded = f" {fold(display_name)} "
    for klass in CLASSES:
        if any(phrase in padded for phrase in PHRASES[klass]):
            return klass
    return "none"
