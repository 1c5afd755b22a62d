"""The papers of the repository keep their promises: links lead somewhere, examples print what they say."""

import importlib.util
import itertools
import re
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
OUTSIDE = {".git", ".venv", "var", "build", "dist"}
DOCUMENTS = [p for p in sorted(ROOT.rglob("*.md")) if not OUTSIDE & set(p.relative_to(ROOT).parts)]
REQUIRED = (
    "README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "LICENSE",
    "docs/index.md", "docs/answers.md", "docs/operations.md", "docs/configuration.md",
)  # fmt: skip
LICENCES = ("MIT", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0", "MPL-2.0", "PSF-2.0")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_reference", ROOT / "scripts" / "make_reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def anchor(heading: str) -> str:
    """A heading's anchor as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


@pytest.mark.parametrize("name", REQUIRED)
def test_document_is_there_and_not_empty(name: str) -> None:
    assert len(read(name)) > 200


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(path: Path) -> None:
    broken = []
    for target in LINK.findall(path.read_text(encoding="utf-8")):
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        name, _, part = target.partition("#")
        page = (path.parent / name).resolve() if name else path
        headings = HEADING.findall(page.read_text(encoding="utf-8")) if page.suffix == ".md" and page.exists() else []
        if not page.exists() or (part and part not in map(anchor, headings)):
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize("name", ["README.md", *(f"docs/{p.name}" for p in sorted((ROOT / "docs").glob("*.md")))])
def test_executed_examples_print_what_the_page_says(name: str) -> None:
    assert read(name) == generator().with_examples(read(name)), "run: make reference"


def test_readme_has_an_executed_example_with_output() -> None:
    lines = read("README.md").splitlines()
    shown = [after for line, after in itertools.pairwise(lines) if line.startswith("$ .venv/bin/tosqauyl ")]
    assert shown
    assert all(after and not after.startswith("```") for after in shown)


def requirements() -> set[str]:
    project = tomllib.loads(read("pyproject.toml"))
    wanted = [*project["project"]["dependencies"], *project["build-system"]["requires"]]
    for path in sorted((ROOT / "requirements").glob("*.in")):
        wanted += [line for line in path.read_text(encoding="utf-8").splitlines() if line and line[0] not in "-#"]
    return {re.split(r"[ <>=!~;\[]", line, maxsplit=1)[0].lower().replace("_", "-") for line in wanted}


def test_every_dependency_has_a_line_with_its_licence_in_the_architecture() -> None:
    rows = [[cell.strip() for cell in line.split("|")] for line in read("ARCHITECTURE.md").splitlines()]
    table = {row[1].lower().replace("_", "-"): row[2] for row in rows if len(row) >= 6 and row[2] in LICENCES}
    assert requirements() - set(table) == set()


def test_files_named_in_the_architecture_exist() -> None:
    named = re.findall(r"`([a-z_]+/[a-z_/]+\.py)`", read("ARCHITECTURE.md"))
    assert named
    assert [name for name in named if not any((ROOT / at / name).exists() for at in ("", "src/tosqauyl"))] == []


def test_requirements_carry_hashes_and_no_addresses() -> None:
    for path in sorted((ROOT / "requirements").glob("*.txt")):
        text = path.read_text(encoding="utf-8")
        pins = re.findall(r"^[a-zA-Z0-9_.\[\]-]+==\S+.*$", text, re.MULTILINE)
        assert pins, path.name
        assert all(pin.endswith("\\") for pin in pins), f"{path.name}: a pin without a hash"
        assert "://" not in text, f"{path.name}: an address"


def test_changelog_starts_with_the_version_that_is_built() -> None:
    project = tomllib.loads(read("pyproject.toml"))["project"]["version"]
    assert project == version("tosqauyl")
    assert re.search(rf"^## {re.escape(project)}\b", read("CHANGELOG.md"), re.MULTILINE)


def test_every_page_is_in_the_index() -> None:
    index = read("docs/index.md")
    pages = [p for p in sorted((ROOT / "docs").rglob("*.md")) if p.name != "index.md"]
    assert [p.name for p in pages if f"({p.relative_to(ROOT / 'docs').as_posix()})" not in index] == []


def test_decisions_are_numbered_without_gaps_and_dated() -> None:
    paths = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
    assert [int(path.name[:4]) for path in paths] == list(range(1, len(paths) + 1))
    index = read("docs/index.md")
    for path in paths:
        assert re.search(r"^\d{4}-\d{2}-\d{2}$", path.read_text(encoding="utf-8"), re.MULTILINE), path.name
        assert f"decisions/{path.name}" in index, path.name
