"""The documentation as a site: built strictly, whole, in the languages it is in, and loading nothing from elsewhere."""

import importlib.util
import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from urllib.parse import unquote, urlsplit

import pytest
import yaml

pytest.importorskip("properdocs", reason="the site's builder is not installed")

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def builder() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_site", ROOT / "scripts" / "make_site.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def site(builder: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built strictly: a link, an anchor or a page of the menu that leads nowhere raises."""
    folder = tmp_path_factory.mktemp("site")
    builder.make(folder / "site", folder / "pages")
    return folder / "site"


class Links(HTMLParser):
    """What a page links to or loads, and the ids it has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.targets: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        self.ids |= {said[name] for name in ("id", "name") if name in said}
        self.targets += [said[name] for name in ("href", "src") if said.get(name)]


def test_every_page_is_in_the_site(builder: ModuleType, site: Path) -> None:
    wanted = {path.relative_to(ROOT).with_suffix(".html").as_posix() for path in builder.pages()}
    wanted = {name.replace("README.html", "index.html") for name in wanted}
    assert wanted - {path.relative_to(site).as_posix() for path in site.rglob("*.html")} == set()


def test_nothing_is_loaded_from_elsewhere(builder: ModuleType, site: Path) -> None:
    assert builder.loaded_from_outside(site) == []


def test_what_is_loaded_from_outside_is_found(builder: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        '<script src="https://cdn.example/a.js"></script><link href="//fonts.example/b.css" rel="stylesheet">'
        '<a href="https://example.kz">a link is not loaded</a><img src="img/own.png">'
    )
    (tmp_path / "b.css").write_text(
        '@import "https://fonts.example/c.css"; p { background: url(http://x.example/y.png) }'
    )
    assert len(builder.loaded_from_outside(tmp_path)) == 4


def test_links_and_anchors_of_the_built_pages_lead_somewhere(site: Path) -> None:
    pages = {path: Links(path.read_text("utf-8")) for path in site.rglob("*.html")}
    broken = []
    for path, page in pages.items():
        for target in page.targets:
            said = urlsplit(target)
            if path.name == "404.html" or said.scheme or said.netloc:
                continue
            at = (path.parent / unquote(said.path)).resolve() if said.path else path
            at = at / "index.html" if at.is_dir() else at
            if not at.exists() or (said.fragment and at in pages and unquote(said.fragment) not in pages[at].ids):
                broken.append(f"{path.relative_to(site)}: {target}")
    assert broken == []


def test_the_search_finds_words_of_all_three_languages(site: Path) -> None:
    found = json.loads((site / "search" / "search_index.json").read_text("utf-8"))
    assert {"Backup and restore", "Құпиялылық", "Конфиденциальность"} <= {one["title"] for one in found["docs"]}
    assert found["config"]["lang"] == ["en", "ru"]


def test_the_menu_names_each_page_once() -> None:
    text = (ROOT / "mkdocs.yml").read_text("utf-8")
    named = re.findall(r": (\S+\.md)$", text, re.MULTILINE)
    assert len(named) == len(set(named))
    assert yaml.safe_load(text)["theme"]["highlightjs"] is False
