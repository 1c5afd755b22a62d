"""docs/reference/gate-api.md and office-api.md, from the OpenAPI documents that gate and office serve."""

from collections.abc import Iterator
from importlib import import_module
from types import SimpleNamespace
from typing import Any

Document = dict[str, Any]


def gate_document() -> Document:
    """The document of a gate: the same for every gate of a version."""
    made: Document = import_module("tosqauyl.gate.http.openapi").document()
    return made


def office_document() -> Document:
    """The document of an office. Its routes know no office, so a place where one would be is enough."""
    made: Document = import_module("tosqauyl.web.app").build(SimpleNamespace(public_url="")).openapi()
    return made


def operations(document: Document) -> Iterator[tuple[str, str, Document]]:
    """'GET', path and operation, in the document's order."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def sections(document: Document) -> dict[str, list[tuple[str, ...]]]:
    """Heading -> rows of its table: operation, scope, what it takes, what it gives, what it does."""
    found: dict[str, list[tuple[str, ...]]] = {}
    for method, path, operation in operations(document):
        tag = (operation.get("tags") or ["operations"])[0]
        row = f"`{method} {path}`", _scope(operation), _takes(operation), _gives(operation), _does(operation)
        found.setdefault(tag.capitalize(), []).append(row)
    return {heading: found[heading] for heading in sorted(found)}


def bodies(document: Document) -> list[tuple[str, str, str]]:
    """Name, members and meaning of every body; a `?` behind a member says that it may be left out."""
    rows = []
    for name, schema in sorted(document["components"]["schemas"].items()):
        if "properties" in schema:
            rows.append((f"`{name}`", _members(schema), _plain(schema.get("description", ""))))
    return rows


def _scope(operation: Document) -> str:
    scope = operation.get("x-scope") or next(
        (names[0] for one in operation.get("security", ()) for names in one.values()), "public"
    )
    return f"`{scope}`"


def _takes(operation: Document) -> str:
    asked = [one for one in operation.get("parameters", ()) if one["in"] == "query"]
    said = [f"`{one['name']}`" + ("" if one.get("required") else "?") for one in asked]
    for media, content in operation.get("requestBody", {}).get("content", {}).items():
        said.append(_named(content.get("schema", {})) or media)
    return ", ".join(said)


def _gives(operation: Document) -> str:
    said = []
    for status, answer in operation["responses"].items():
        if status < "300":
            content: Document = answer.get("content", {})
            names = [_named(one.get("schema", {})) or media for media, one in content.items()]
            said.append(" ".join([status, " or ".join(dict.fromkeys(names))]).strip())
        elif status < "400":
            said.append(status)
    return "; ".join(said)


def _does(operation: Document) -> str:
    first = operation.get("description", "").split("\n\nScope:")[0].split(" Scope: ")[0].split("\n\n")[0]
    return _plain(first or operation["summary"])


def _named(schema: Document) -> str:
    """The name of a body's schema, 'list of' for an array; '' where it has none."""
    if reference := schema.get("$ref", ""):
        return f"`{reference.rpartition('/')[2]}`"
    if schema.get("type") == "array" and (inner := _named(schema.get("items", {}))):
        return f"list of {inner}"
    return ""


def _members(schema: Document) -> str:
    required = schema.get("required", ())
    return ", ".join(f"`{name}`" + ("" if name in required else "?") for name in schema["properties"])


def _plain(text: str) -> str:
    return " ".join(text.replace("`", "'").replace("<", "&lt;").split())
