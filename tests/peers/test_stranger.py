"""A stranger with the README alone: from `git clone` to the first stopped call with its explanation in a browser, timed.

The commands are read out of README.md. The whole way takes minutes (`make` sets everything up), so it is run by make nightly; the
ordinary run begins where that is done.
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from peer_browser import DESKTOP, Screen, chromium
from peer_demo import CONSOLE, SIGN_IN, RunningDemo

pytestmark = pytest.mark.peers("chromium")

ROOT = Path(__file__).resolve().parents[2]
WHOLE_WAY = 900.0
"""Seconds; setting up compiles the call path and takes two to four minutes on two cores."""
DEMO_IS_UP = 120.0
CALLS_ARRIVE = 120.0


def readme_commands(folder: Path) -> list[str]:
    """The commands of the README's first console block under 'Try it'."""
    text = (folder / "README.md").read_text("utf-8")
    block = re.search(r"## Try it\n.*?```console\n(.*?)```", text, re.S)
    assert block, "the README has no console block under 'Try it'"
    return [line.removeprefix("$ ") for line in block[1].splitlines() if line.startswith("$ ")]


def until(holds: Callable[[], bool], screen: Screen, seconds: float, what: str) -> None:
    """Reload a page until something holds. Fails where that takes too long."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"{what} did not come: {screen.text('main')[:500]}"
        screen.page.wait_for_timeout(500)
        screen.page.reload()


def follow_the_tour(demo: RunningDemo) -> str:
    """Sign in with what the demo prints and follow its tour to a stopped call; what the page says of it."""
    url = demo.said(CONSOLE, DEMO_IS_UP).partition("/en/")[0]
    login, password = demo.said(SIGN_IN, DEMO_IS_UP).split()
    with chromium() as browser:
        screen = Screen(browser, url, "en", DESKTOP)
        screen.open("/office/tour")
        screen.fill("/office/sign-in", login=login, password=password)
        screen.send("/office/sign-in")
        assert screen.path() == "/office/tour"
        assert "Sample data" in screen.text("aside.demo")
        see_calls_now(screen)
        screen.follow("/office/tour/", "aside.demo")
        screen.follow("/office/tour/2", "main")
        assert "2 of 8" in screen.text("main")
        screen.follow("/office/calls", "main")
        row = screen.page.locator('main table a[href^="/en/office/calls/"]')
        until(lambda: row.count() > 0, screen, CALLS_ARRIVE, "a stopped call")
        screen.follow("/office/calls/", "main table")
        return screen.text("main")


def see_calls_now(screen: Screen) -> None:
    """The tour's first step: the live view, with calls by carrier and trunk."""
    screen.follow("/office/tour/1", "main")
    assert "1 of 8" in screen.text("main")
    screen.follow("/office/live", "main")
    carriers = screen.page.locator("#live-carriers")
    until(lambda: carriers.count() > 0, screen, DEMO_IS_UP, "calls by carrier")
    assert "Demo Transit" in carriers.inner_text()


def approve_the_block(demo: RunningDemo) -> float:
    """Approve the block that the tour speaks of; seconds until the live view shows that the gate stops by the office's list."""
    url = demo.said(CONSOLE, DEMO_IS_UP).partition("/en/")[0]
    login, password = demo.said(SIGN_IN, DEMO_IS_UP).split()
    with httpx.Client(base_url=url, timeout=30) as client:
        client.headers["X-CSRF-Token"] = client.post("/v1/sign-in", json={"login": login, "password": password}).json()[
            "csrf"
        ]
        waiting = client.get("/v1/indicators", params={"state": "proposed"}).json()["items"]
        (block,) = [one for one in waiting if one["listing"] == "block" and one["observable"]["value"].endswith("0314")]
        said = client.post(f"/v1/indicators/{block['id']}:approve", json={"version": block["version"]})
        assert said.status_code == 200, said.text
        began = time.monotonic()
        while not any(
            one["rule"] == "kz-block-listed" and one["decided"] for one in client.get("/v1/live").json()["rules"]
        ):
            assert time.monotonic() - began < CALLS_ARRIVE, "the gate did not obey"
            time.sleep(0.2)
        return time.monotonic() - began


def check_explained(text: str) -> None:
    """A page of a stopped call says what happened, by which rule, and what that rests on."""
    assert "stopped" in text.lower(), text[:500]
    assert "Rests on" in text, text[:2_000]


def test_the_demo_leads_a_stranger_to_a_stopped_call_and_leaves_nothing(tmp_path: Path) -> None:
    assert readme_commands(ROOT)[0] == "make demo"
    began = time.monotonic()
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    demo = RunningDemo([sys.executable, "-m", "tosqauyl", "demo", "--stay"], ROOT, tmp_path, environment)
    try:
        check_explained(follow_the_tour(demo))
        print(f"from the command to the explanation of a stopped call: {time.monotonic() - began:.0f} s")
        print(f"stopped {approve_the_block(demo):.0f} s after the approval, as the live view has it")
    finally:
        demo.end()
    assert demo.left_over == []


@pytest.mark.nightly
def test_from_git_clone_to_the_first_stopped_call_with_the_readme_alone(tmp_path: Path) -> None:
    began, clone = time.monotonic(), tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True, timeout=120)
    command = readme_commands(clone)[0].split()
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    demo = RunningDemo(command, clone, temporary, environment)
    try:
        demo.said(CONSOLE, WHOLE_WAY)
        print(f"set up and started: {time.monotonic() - began:.0f} s")
        check_explained(follow_the_tour(demo))
        took = time.monotonic() - began
        print(f"from git clone to the explanation of a stopped call: {took:.0f} s")
    finally:
        demo.end()
    assert took < WHOLE_WAY
    assert demo.left_over == []
