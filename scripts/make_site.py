"""Build the documentation as a site: .venv/bin/python scripts/make_site.py [FOLDER], ./site if none is named.

The pages are laid out first as they stand in the repository, with every file that one of them links to, so the links need no
change. A link, an anchor or a page of the menu that leads nowhere ends the build with exit code 1, and so does an address outside
of the site from which a page would load something.
"""

import logging
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from properdocs.commands.build import build
from properdocs.config import load_config
from properdocs.exceptions import Abort

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("docs", "deploy")
LINK = re.compile(r"\]\(([^)\s]+)\)")
LOADED = re.compile(
    r"""<(?:script|img|iframe|source|audio|video|embed)\b[^>]*?\ssrc=["']?(?P<src>[^"'\s>]+)"""
    r"""|<link\b(?=[^>]*rel=["']?(?:stylesheet|icon|shortcut|preload|preconnect|manifest))[^>]*?\shref=["']?(?P<href>[^"'\s>]+)"""
    r"""|url\(["']?(?P<url>[^"')]+)|@import\s+["'](?P<import>[^"']+)""",
    re.IGNORECASE,
)
OUTSIDE = re.compile(r"(?:[a-z][a-z0-9+.-]*:)?//", re.IGNORECASE)
STYLE = """
html[data-bs-theme=dark] .codehilite { background: #f8f8f8; color: #222; }
.codehilite { background: #f8f8f8; border-radius: 4px; } .codehilite pre { background: none; }
h1, h2, h3, h4 { font-weight: 400; }
html { scroll-padding-top: 7rem; }
.navbar .dropdown-menu { max-height: 80vh; overflow-y: auto; }
table { display: block; overflow-x: auto; } td, th { padding: .25rem .5rem; }
"""


def anchor(heading: str, separator: str = "-") -> str:
    """A heading's anchor as GitHub makes it, so that a link to a part of a page works in both places."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", separator)


def pages() -> list[Path]:
    """Every page of the site, where it stands in the repository."""
    return [*sorted(ROOT.glob("*.md")), *(page for name in FOLDERS for page in sorted((ROOT / name).rglob("*.md")))]


def lay_out(folder: Path) -> None:
    """Copy pages, files they link to and the style sheet into the folder, which is made anew."""
    shutil.rmtree(folder, ignore_errors=True)
    wanted = set(pages())
    for page in pages():
        wanted |= set(_linked(page))
    for path in sorted(wanted):
        place = folder / path.relative_to(ROOT)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)
    colours: Any = import_module("pygments.formatters").HtmlFormatter(style="default")
    (folder / "site.css").write_text(colours.get_style_defs(".codehilite") + STYLE, "utf-8")


def _linked(page: Path) -> Iterator[Path]:
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        path = (page.parent / target.partition("#")[0]).resolve()
        if path.is_file() and path.is_relative_to(ROOT):
            yield path


def make(site: Path, laid_out: Path) -> None:
    """Write the site. Raises Abort where a link, an anchor or a page is missing."""
    lay_out(laid_out)
    with (ROOT / "mkdocs.yml").open("rb") as file:
        config: Any = load_config(file, docs_dir=str(laid_out), site_dir=str(site), strict=True)
    config.mdx_configs.setdefault("toc", {})["slugify"] = anchor
    config.plugins.on_startup(command="build", dirty=False)
    try:
        build(config)
    finally:
        config.plugins.on_shutdown()


def loaded_from_outside(site: Path) -> list[str]:
    """'file: address' for everything that a browser would load from elsewhere."""
    found = []
    for path in sorted(site.rglob("*")):
        if path.suffix in (".html", ".css"):
            text = path.read_text(encoding="utf-8", errors="replace")
            addresses = ("".join(filter(None, match.groups())) for match in LOADED.finditer(text))
            found += [f"{path.relative_to(site)}: {one}" for one in addresses if OUTSIDE.match(one)]
    return found


def main(arguments: Sequence[str]) -> int:
    """Build, and look for what would be loaded from outside."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    site = Path(arguments[0]) if arguments else ROOT / "site"
    with tempfile.TemporaryDirectory() as scratch:
        try:
            make(site, Path(scratch) / "pages")
        except Abort as error:
            print(error, file=sys.stderr)
            return 1
    outside = loaded_from_outside(site)
    print(*(outside or [f"{site}/index.html: {sum(1 for _ in site.rglob('*.html'))} pages"]), sep="\n")
    return 1 if outside else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
