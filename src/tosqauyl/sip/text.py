"""Small rules of SIP's grammar that several modules share: tokens, quoted strings, lists."""

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.!%*_+`'~"
_DELETE_TOKEN = {ord(letter): None for letter in _LETTERS}


def is_token(text: str) -> bool:
    """Whether the text is a token of RFC 3261 25.1 (method, header name, parameter name)."""
    plain = text.replace("-", "")
    if plain.isalnum() and plain.isascii():  # four times cheaper, and nearly always enough
        return True
    return text != "" and not text.translate(_DELETE_TOKEN)


def split_outside(text: str, separator: str) -> list[str] | None:
    """Split at a one-character separator that stands outside quoted strings and <>; None where a quote stays open.

    Pieces are not stripped. Used only for values that hold a quote or a list: the common value needs no scan.
    """
    pieces: list[str] = []
    begin = place = 0
    while place < len(text):
        letter = text[place]
        if letter == '"':
            place = quoted_end(text, place)
            if place < 0:
                return None
        elif letter == "<":
            close = text.find(">", place)
            place = close if close >= 0 else place
        elif letter == separator:
            pieces.append(text[begin:place])
            begin = place + 1
        place += 1
    pieces.append(text[begin:])
    return pieces


def quoted_end(text: str, begin: int) -> int:
    """Index of the quote that closes the one at `begin`, backslash pairs skipped; -1 if it stays open."""
    place = begin + 1
    while True:
        close = text.find('"', place)
        if close < 0:
            return -1
        slashes = 0
        while text[close - 1 - slashes] == "\\" and close - 1 - slashes > begin:
            slashes += 1
        if slashes % 2 == 0:
            return close
        place = close + 1


def unquote(text: str) -> str:
    """The inside of a quoted string with its backslash pairs taken away."""
    if "\\" not in text:
        return text
    letters: list[str] = []
    pairs = iter(text)
    for letter in pairs:
        letters.append(next(pairs, "") if letter == "\\" else letter)
    return "".join(letters)


def parameter(params: str, name: str) -> str | None:
    """Value of one parameter in ';a=b;c' text: unquoted, '' where it has no value, None where it is missing."""
    pieces = split_outside(params, ";") if '"' in params else params.split(";")
    for piece in pieces or ():
        key, _, value = piece.partition("=")
        if key.strip(" \t").lower() == name:
            value = value.strip(" \t")
            return unquote(value[1:-1]) if value[:1] == '"' and value[-1:] == '"' and len(value) > 1 else value
    return None
