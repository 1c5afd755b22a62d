"""Collect the terminal's texts from the source, merge them into the .po files, compile the .mo files.

usage: compile_texts.py [--check]

Without --check: new texts are added to each tosqauyl.po (untranslated), dropped ones leave it, and tosqauyl.mo is
written. With --check nothing is written; exit code 1 says that a text lacks its translation or that a .mo is stale.
"""

import argparse
import ast
import io
import re
import struct
import sys
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po

PACKAGE = Path(__file__).resolve().parent.parent / "src" / "tosqauyl"
TRANSLATED = ("kk", "ru")
MARKS = ("t", "N_")


def collected() -> Catalog:
    """Every text that the commands mark for translation, with the file it is in.

    Read from the syntax tree: Babel's own extractor works on tokens and passes over texts inside f-strings.
    """
    catalogue = Catalog(project="tosqauyl")
    for path in sorted((PACKAGE / "cli").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in MARKS and node.args:
                text = node.args[0]
                if isinstance(text, ast.Constant) and isinstance(text.value, str):
                    catalogue.add(text.value, locations=[(f"cli/{path.name}", None)])  # type: ignore[list-item]
    return catalogue


def translated(language: str) -> Catalog:
    """The catalogue of one language as its .po file has it."""
    with _po(language).open("rb") as file:
        return read_po(file, locale=language, domain="tosqauyl")


def compiled(catalogue: Catalog) -> bytes:
    """The .mo bytes of a catalogue (GNU gettext manual, 10.3): the same for the same texts, whatever the day and tool."""
    pairs = [("", "Content-Type: text/plain; charset=utf-8\n")]
    pairs += sorted((str(message.id), str(message.string)) for message in catalogue if message.id and message.string)
    ids = [one.encode() for one, _ in pairs]
    strings = [one.encode() for _, one in pairs]
    start = 28 + 16 * len(pairs)
    tables, data = b"", b""
    for texts in (ids, strings):
        for text in texts:
            tables += struct.pack("<II", len(text), start + len(data))
            data += text + b"\0"
    head = struct.pack("<7I", 0x950412DE, 0, len(pairs), 28, 28 + 8 * len(pairs), 0, start)
    return head + tables + data


def problems(language: str) -> list[str]:
    """What is wrong with one language's texts: missing, left over, fuzzy, other {names}, stale .mo."""
    wanted = {message.id for message in collected() if message.id}
    catalogue = translated(language)
    have = {message.id: message for message in catalogue if message.id}
    found = [f"{language}: no longer used: {text!r}" for text in sorted(have.keys() - wanted)]
    for text in sorted(wanted):
        message = have.get(text)
        if message is None or not message.string or message.fuzzy:
            found.append(f"{language}: not translated: {text!r}")
        elif _names(str(text)) != _names(str(message.string)):
            found.append(f"{language}: other {{names}} than the English text: {text!r}")
    mo = _po(language).with_suffix(".mo")
    if not mo.exists() or mo.read_bytes() != compiled(catalogue):
        found.append(f"{language}: {mo.name} is not what {_po(language).name} compiles to")
    return found


def rewrite(language: str) -> None:
    """Bring one language's .po up to the source and compile it."""
    catalogue = translated(language) if _po(language).exists() else Catalog(locale=language, project="tosqauyl")
    catalogue.update(collected(), no_fuzzy_matching=True)
    catalogue.obsolete.clear()
    catalogue.fuzzy = False
    catalogue.header_comment = f"# Texts of the tosqauyl commands: {language}. SPDX-License-Identifier: Apache-2.0"
    buffer = io.BytesIO()
    write_po(buffer, catalogue, omit_header=False, sort_output=True, width=120, include_lineno=False)
    stable = [line for line in buffer.getvalue().splitlines() if not line.startswith(_UNSTABLE)]
    _po(language).write_bytes(b"\n".join(stable).rstrip() + b"\n")
    _po(language).with_suffix(".mo").write_bytes(compiled(translated(language)))


_UNSTABLE = (
    b'"POT-Creation-Date',
    b'"PO-Revision-Date',
    b'"Last-Translator',
    b'"Generated-By',
    b'"Language-Team',
    b'"Report-Msgid',
    b'"Project-Id',
)


def _names(text: str) -> list[str]:
    """What is filled in: {names}, and the %s and %(name)s of argparse's own words."""
    return sorted(re.findall(r"\{\w*\}|%(?:\(\w+\))?[a-z]", text))


def _po(language: str) -> Path:
    return PACKAGE / "locale" / language / "LC_MESSAGES" / "tosqauyl.po"


def main() -> int:
    """Run the script."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--check", action="store_true")
    if not options.parse_args().check:
        for language in TRANSLATED:
            rewrite(language)
    found = [line for language in TRANSLATED for line in problems(language)]
    print("\n".join(found) or "texts: every text is translated and compiled")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
