"""The language of a terminal, and the words that argparse says by itself."""

import gettext
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.resources import as_file, files
from itertools import pairwise

from tosqauyl.texts import DOMAIN, LANGUAGES, N_


def language_of(arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> str:
    """Language of the help, before anything is parsed: the last --lang that names a language, else the terminal's.

    >>> language_of(["serve", "--help", "--lang", "kk"])
    'kk'
    """
    given = None
    for flag, value in pairwise((*arguments, "")):
        found = value if flag == "--lang" else flag.removeprefix("--lang=")
        if flag.startswith("--lang") and found in LANGUAGES:
            given = found
    return choose_language(given, environment)


def choose_language(flag: str | None, environment: Mapping[str, str] | None = None) -> str:
    """Language of the terminal: the flag, else TOSQAUYL_LANG, else LC_ALL, LC_MESSAGES or LANG, else English.

    >>> choose_language(None, {"LANG": "kk_KZ.UTF-8"})
    'kk'
    """
    environment = os.environ if environment is None else environment
    if flag:
        return flag if flag in LANGUAGES else "en"
    for name in ("TOSQAUYL_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        if value := environment.get(name, ""):  # an empty variable counts as unset (POSIX 8.2)
            code = value.split(".")[0].split("_")[0].split("-")[0].lower()
            return code if code in LANGUAGES else "en"
    return "en"


@contextmanager
def spoken_by_argparse(language: str) -> Iterator[None]:
    """Let argparse say its own words (usage, options, what is wrong with an argument) in a language, then as before.

    argparse asks gettext's global domain, and gettext finds its language in LANGUAGE: there is no other public way.
    """
    domain, variable = gettext.textdomain(), os.environ.get("LANGUAGE")
    with as_file(files("tosqauyl") / "locale") as folder:
        gettext.bindtextdomain(DOMAIN, str(folder))
        gettext.textdomain(DOMAIN)
        os.environ["LANGUAGE"] = language
        try:
            yield
        finally:
            gettext.textdomain(domain)
            os.environ.pop("LANGUAGE")
            if variable is not None:
                os.environ["LANGUAGE"] = variable


ARGPARSE = (
    N_("usage: "),
    N_("positional arguments"),
    N_("options"),
    N_("show this help message and exit"),
    N_("%(prog)s: error: %(message)s\n"),
    N_("argument %(argument_name)s: %(message)s"),
    N_("the following arguments are required: %s"),
    N_("unrecognized arguments: %s"),
    N_("invalid choice: %(value)r (choose from %(choices)s)"),
    N_("invalid %(type)s value: %(value)r"),
    N_("expected one argument"),
    N_("ignored explicit argument %r"),
    N_("ambiguous option: %(option)s could match %(matches)s"),
)
"""argparse's own words, as Python 3.11 to 3.14 have them; one that another version words otherwise stays English."""
