"""Collect the texts of commands and pages from the source, merge them into the .po files, compile the .mo files.

usage: compile_texts.py [--check]

There are two catalogues: `tosqauyl` for the commands, `pages` for what the office shows, with the reasons for which it refuses
things; a text that both have stands in the first. Without --check new texts are added to each .po file (untranslated), dropped
ones leave it, and the .mo files are written. With --check nothing is written; exit code 1 says that a text lacks its translation
or that a .mo is stale.
"""

import argparse
import ast
import io
import re
import struct
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po
from jinja2 import Environment, nodes

PACKAGE = Path(__file__).resolve().parent.parent / "src" / "tosqauyl"
TRANSLATED = ("kk", "ru")
MARKS = ("t", "N_")
COMMANDS, PAGES = "tosqauyl", "pages"
CATALOGUES = {COMMANDS: ("texts.py", "cli", "ledger"), PAGES: ("web", "registry")}
"""Catalogue -> files and folders of the package whose texts it holds."""
REFUSALS = frozenset(
    {"Absent", "BadRow", "Conflict", "FieldFault", "FieldProblem", "Forbidden", "Invalid", "Refused", "RegistryError", "TooMany",
     "Unavailable", "Unknown", "_wrong"}
)  # fmt: skip
"""What tells people why something is refused: fixed sentences among its arguments are texts. What has no blank is a slug."""
REFUSING = frozenset({
    "actions.py", "appeals.py", "buckets.py", "calls.py", "carriers.py", "checks.py", "csv_rows.py", "decisions.py",
    "incident_parts.py",
    "incidents.py", "ledger_desk.py", "lookup.py", "observable_forms.py", "passwords.py", "person.py", "proof.py",
    "proposals.py", "backtest_desk.py", "modes.py", "policy.py", "policy_backtests.py", "policy_desk.py", "policy_drafts.py",
    "reports.py", "routing.py", "sessions.py", "submission.py", "tickets.py", "uploads.py",
})  # fmt: skip
"""Files whose refusals people meet on pages. Those of others are told by the general sentence of their kind."""


def collected(name: str) -> Catalog:
    """Every text of a catalogue, with the file it is in."""
    catalogue, known = Catalog(project="tosqauyl"), set() if name == COMMANDS else set(_texts(COMMANDS))
    for text, place in _texts(name).items():
        if text not in known:
            catalogue.add(text, locations=[(place, None)])  # type: ignore[list-item]
    return catalogue


@cache
def _texts(name: str) -> dict[str, str]:
    """Text -> the file it is in."""
    found: dict[str, str] = {}
    for place in CATALOGUES[name]:
        root = PACKAGE / place
        for path in [root] if root.is_file() else sorted((*root.rglob("*.py"), *root.rglob("templates/**/*.html"))):
            texts = _in_template(path) if path.suffix == ".html" else _in_python(path)
            for text in texts:
                found.setdefault(text, path.relative_to(PACKAGE).as_posix())
    return found


def _in_python(path: Path) -> Iterator[str]:
    """Read from the syntax tree: Babel's own extractor works on tokens and passes over texts inside f-strings."""
    refuses = path.name in REFUSING and path.relative_to(PACKAGE).parts[0] in ("web", "registry")
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        if node.func.id in MARKS and node.args:
            yield from _constant(node.args[0])
        elif refuses and node.func.id in REFUSALS:
            for value in (*node.args, *(one.value for one in node.keywords)):
                yield from (text for text in _constant(value) if " " in text)


def _constant(node: ast.expr) -> Iterator[str]:
    """Its text, or both of a choice between two."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from _constant(node.body)
        yield from _constant(node.orelse)


def _in_template(path: Path) -> Iterator[str]:
    parsed = Environment().parse(path.read_text("utf-8"))
    for call in parsed.find_all(nodes.Call):
        if isinstance(call.node, nodes.Name) and call.node.name in MARKS and call.args:
            yield from _said(call.args[0])


def _said(node: nodes.Node) -> Iterator[str]:
    if isinstance(node, nodes.Const) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, nodes.CondExpr):
        yield from _said(node.expr1)
        yield from _said(node.expr2) if node.expr2 is not None else ()


def translated(language: str, name: str) -> Catalog:
    """The catalogue of one language as its .po file has it."""
    with _po(language, name).open("rb") as file:
        return read_po(file, locale=language, domain=name)


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
    return [one for name in CATALOGUES for one in _problems(language, name)]


def _problems(language: str, name: str) -> Iterator[str]:
    wanted = {message.id for message in collected(name) if message.id}
    catalogue, po = translated(language, name), _po(language, name)
    have = {message.id: message for message in catalogue if message.id}
    yield from (f"{language}: no longer used: {text!r}" for text in sorted(have.keys() - wanted))
    for text in sorted(wanted):
        message = have.get(text)
        if message is None or not message.string or message.fuzzy:
            yield f"{language}: not translated: {text!r}"
        elif _names(str(text)) != _names(str(message.string)):
            yield f"{language}: other {{names}} than the English text: {text!r}"
    mo = po.with_suffix(".mo")
    if not mo.exists() or mo.read_bytes() != compiled(catalogue):
        yield f"{language}: {mo.name} is not what {po.name} compiles to"


def rewrite(language: str, name: str) -> None:
    """Bring one language's .po up to the source and compile it."""
    po = _po(language, name)
    catalogue = translated(language, name) if po.exists() else Catalog(locale=language, project="tosqauyl")
    catalogue.update(collected(name), no_fuzzy_matching=True)
    catalogue.obsolete.clear()
    catalogue.fuzzy = False
    what = "the tosqauyl commands" if name == COMMANDS else "the office's pages"
    catalogue.header_comment = f"# Texts of {what}: {language}. SPDX-License-Identifier: Apache-2.0"
    buffer = io.BytesIO()
    write_po(buffer, catalogue, omit_header=False, sort_output=True, width=120, include_lineno=False)
    stable = [line for line in buffer.getvalue().splitlines() if not line.startswith(_UNSTABLE)]
    po.write_bytes(b"\n".join(stable).rstrip() + b"\n")
    po.with_suffix(".mo").write_bytes(compiled(translated(language, name)))


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


def _po(language: str, name: str) -> Path:
    return PACKAGE / "locale" / language / "LC_MESSAGES" / f"{name}.po"


def main() -> int:
    """Run the script."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--check", action="store_true")
    if not options.parse_args().check:
        for language in TRANSLATED:
            for name in CATALOGUES:
                rewrite(language, name)
    found = [line for language in TRANSLATED for line in problems(language)]
    print("\n".join(found) or "texts: every text is translated and compiled")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
