"""The nearest known word to a misspelt one, for hints. Apart from the parser's tokens, so that a gate needs no parser."""

from difflib import get_close_matches


def close(word: str, known: tuple[str, ...] | list[str], likeness: float = 0.6) -> str:
    """A did-you-mean hint for a misspelt word, or ''; likeness from 0 (anything) to 1 (the same)."""
    found = get_close_matches(word.lower(), known, n=1, cutoff=likeness)
    return f"did you mean {found[0]}?" if found else ""
