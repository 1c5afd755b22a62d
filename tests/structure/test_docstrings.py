"""Every public name of src/ says what it is."""

import ast
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2] / "src" / "tosqauyl"
Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def public(node: ast.AST, path: str) -> Iterator[tuple[str, Documented]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and not child.name.startswith("_"):
            name = f"{path}:{child.name}"
            yield name, child
            if isinstance(child, ast.ClassDef):
                yield from public(child, name)


def test_every_module_class_and_function_has_a_docstring() -> None:
    bare = []
    for path in sorted(SOURCE.rglob("*.py")):
        name = path.relative_to(SOURCE).as_posix()
        tree = ast.parse(path.read_text(encoding="utf-8"))
        bare += [name] if tree.body and not ast.get_docstring(tree) else []
        bare += [place for place, node in public(tree, name) if not ast.get_docstring(node)]
    assert bare == []
