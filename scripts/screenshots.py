"""Take a picture of every page in each language: docs/screens/LANGUAGE/PAGE.png, and their index docs/screens.md.

usage: screenshots.py [--only PART]

Starts an office with the seeded sample, a small ledger of calls and two gates under traffic (tests/peers/peer_stage.py), finds
every page by its links for somebody of each role, and looks at it with Chromium: the staff's pages on a desktop, the citizens' on a
phone.
Needs `chromium` and `fonts-dejavu-core` from Debian. --only: pages whose name has this part; the index stays as it is.
"""

import argparse
import io
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [
    str(ROOT / "src"),
    str(ROOT / "tests" / "peers"),
    str(ROOT / "tests" / "web"),
    str(ROOT / "tests" / "gate"),
]

from call_ledger import RULE  # type: ignore[import-not-found]  # noqa: E402
from peer_browser import DESKTOP, PHONE, Screen, chromium  # type: ignore[import-not-found]  # noqa: E402
from peer_crawl import Found, crawl  # type: ignore[import-not-found]  # noqa: E402
from peer_stage import BLOCKED, Stage, staged  # type: ignore[import-not-found]  # noqa: E402

from tosqauyl.texts import LANGUAGES  # noqa: E402
from tosqauyl.web.pages.routing import STAFF  # noqa: E402

SCREENS, INDEX = ROOT / "docs" / "screens", ROOT / "docs" / "screens.md"
INKS = ("16242b", "50616b", "0b5c66", "084149", "17603a", "9c1c1c", "7a4b00", "b3541e", "c9d3d8")
GROUNDS = ("ffffff", "f1f5f6", "e5f4ec", "fdecec", "fff4de")
"""Colours of the style sheet by day. A picture has these and what lies between them, so that no small mark is lost."""
STEPS = 4
TALLEST = 1_700
"""Pixels: what is below is left out, the page goes on as it began."""
LIVE = "/office/live"
LIVE_SECONDS = 75.0
"""So long gates are watched before their picture is taken."""
SHOWN_WITH = {"/office/displacement": f"?rule={RULE}&weeks=1"}
"""Route -> what is asked of a page that would else be a form alone."""
ASKED = {"kk": "Бұл менің нөмірім", "ru": "Это мой номер", "en": "This is my number"}
HEAD = """\
# Screens

Every page of the office in Kazakh, Russian and English, made by `make screenshots` from the seeded sample (`tosqauyl office
sample`): invented numbers, people and organisations. Citizens' pages are shown as on a phone, the staff's as on a desktop; long
ones are cut. What each page does: [pages](pages.md).
"""


@dataclass(frozen=True, slots=True)
class Shot:
    """A page that was pictured. title: its first heading in English."""

    name: str
    title: str
    is_public: bool


def main() -> int:
    """Take them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="pages whose name has this part")
    only = parser.parse_args().only
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="tosqauyl-screens-") as folder, staged(Path(folder), gates=True) as stage:
        pages = crawl({who: one.client for who, one in stage.people.items()})
        ordered = sorted(pages.values(), key=lambda one: one.route == LIVE)
        with chromium() as browser:
            for language in LANGUAGES:
                shots = [
                    *_walked(browser, stage, ordered, language, only, began),
                    *_acted(browser, stage, language, only),
                ]
    if not only:
        INDEX.write_text(index(shots), "utf-8")
    size = sum(path.stat().st_size for path in SCREENS.rglob("*.png"))
    print(f"{len(shots)} pages in {len(LANGUAGES)} languages, {size / 1e6:.1f} MB, {time.monotonic() - began:.0f} s")
    return 0


def _walked(browser: Any, stage: Stage, pages: list[Found], language: str, only: str, began: float) -> Iterator[Shot]:
    """Every page that is looked at."""
    screens: dict[tuple[str, bool], Screen] = {}
    for one in pages:
        if only not in one.name:
            continue
        is_public = not one.route.startswith(STAFF)
        if (one.who, is_public) not in screens:
            screens[one.who, is_public] = _screen(browser, stage, one.who, language, is_public)
        if one.route == LIVE:
            time.sleep(max(0.0, began + LIVE_SECONDS - time.monotonic()))
        screen = screens[one.who, is_public]
        screen.page.goto(f"{stage.url}/{language}{one.path}{SHOWN_WITH.get(one.route, '')}")
        yield _taken(screen, one.name, is_public)
    for screen in screens.values():
        screen.close()


def _acted(browser: Any, stage: Stage, language: str, only: str) -> Iterator[Shot]:
    """What a citizen gets who sends something."""
    screen = _screen(browser, stage, "", language, True)
    for name, path, values in (
        ("check-answer", "/check", {"value": BLOCKED}),
        ("report-answer", "/report", {"values": BLOCKED, "text": ASKED[language]}),
        ("appeal-answer", "/appeal", {"number": BLOCKED, "text": ASKED[language]}),
    ):
        if only in name:
            screen.page.goto(f"{stage.url}/{language}{'/' if path == '/check' else path}")
            screen.fill(path, **values)
            screen.send(path)
            yield _taken(screen, name, True)
    screen.close()


def _screen(browser: Any, stage: Stage, who: str, language: str, is_public: bool) -> Screen:
    screen = Screen(browser, stage.url, language, PHONE if is_public else DESKTOP)
    screen.keep(dict(stage.people[who].client.cookies))
    return screen


def _taken(screen: Screen, name: str, is_public: bool) -> Shot:
    """The picture, in the style sheet's colours and with an end."""
    picture = Image.open(io.BytesIO(screen.page.screenshot(full_page=True))).convert("RGB")
    picture = picture.crop((0, 0, picture.width, min(picture.height, TALLEST)))
    file = SCREENS / screen.language / f"{name}.png"
    file.parent.mkdir(parents=True, exist_ok=True)
    picture.quantize(palette=palette(), dither=Image.Dither.NONE).save(file, optimize=True)
    return Shot(name, screen.text("h1"), is_public)


@cache
def palette() -> Image.Image:
    """The colours of a picture: inks and grounds, and steps from one to the other as letters' edges have them."""
    colours: dict[tuple[int, ...], None] = {}
    for place, ground in enumerate(GROUNDS):
        for ink in INKS if not place else INKS[:1]:
            pair = list(zip(bytes.fromhex(ground), bytes.fromhex(ink), strict=True))
            for step in range(STEPS + 1):
                colours[tuple(a + (b - a) * step // STEPS for a, b in pair)] = None
    made = Image.new("P", (1, 1))
    made.putpalette([part for colour in colours for part in colour])
    return made


def index(shots: list[Shot]) -> str:
    """The page that shows them."""
    parts = [HEAD]
    for title, is_public in (("For citizens", True), ("For the staff", False)):
        parts.append(f"\n## {title}\n\n| page | Kazakh | Russian | English |\n| --- | --- | --- | --- |\n")
        for one in shots:
            if one.is_public is is_public:
                shown = [
                    f"[![{one.title}](screens/{code}/{one.name}.png)](screens/{code}/{one.name}.png)"
                    for code in LANGUAGES
                ]
                parts.append(f"| {one.title} | {' | '.join(shown)} |\n")
    return "".join(parts)


if __name__ == "__main__":
    sys.exit(main())
