"""Debian's Chromium, driven by Playwright, as people use the office's pages: forms are found by where they are sent to and fields by
their names, so that one story is told in every language.

    with chromium() as browser:
        screen = Screen(browser, url, "kk", PHONE)
        screen.open("/report")
        screen.fill("/report", values="+77011234567")
        screen.send("/report")

Whatever page it comes to, a screen looks at it: the language is right, the console is silent (so the page's own security policy held),
nothing came from elsewhere, the page is no wider than the window, and what is touched is large enough.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, Request, sync_playwright

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--hide-scrollbars",
)  # fmt: skip
DESKTOP, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
LOCALES = {"kk": "kk-KZ", "ru": "ru-KZ", "en": "en-GB"}
MOST_MS = 20_000
"""How long anything may take until a test fails."""
SMALLEST = 24
"""CSS pixels of what is touched, each way (WCAG 2.2, 2.5.8)."""
TOO_SMALL = """
(least) => {
  const found = [];
  for (const one of document.querySelectorAll("a, button, input:not([type=hidden]), select, textarea, summary")) {
    const box = one.getBoundingClientRect();
    if (!box.width || !box.height || box.right <= 0 || !one.checkVisibility()) continue;
    const label = one.labels && one.labels.length ? one.labels[0].getBoundingClientRect() : box;
    const inline = one.tagName === "A" && getComputedStyle(one).display === "inline";
    if (!inline && (Math.max(box.height, label.height) < least || Math.max(box.width, label.width) < least)) {
      found.push(`${one.tagName} ${one.name || ""} "${(one.textContent || "").trim()}" ${box.width} x ${box.height}`);
    }
  }
  return found;
}
"""
WIDER = """
() => {
  const room = document.documentElement.clientWidth;
  if (document.scrollingElement.scrollWidth <= room) return [];
  const found = [`the page is ${document.scrollingElement.scrollWidth} wide, the window ${room}`];
  for (const one of document.querySelectorAll("main *, header *, footer *")) {
    if (one.getBoundingClientRect().right > room + 1 && !one.closest(".scroll")) {
      found.push(`${one.tagName}.${one.className} ${one.textContent.trim().slice(0, 40)}`);
    }
  }
  return found.slice(0, 6);
}
"""


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser; ended at the end."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


class Screen:
    """What one person sees: a window with its own cookies. address: where they come from, as a proxy would tell the office; bypass:
    for tools that put scripts into pages; is_dark: whether they like it dark."""

    def __init__(
        self,
        browser: Browser,
        url: str,
        language: str,
        size: Mapping[str, int],
        address: str = "",
        bypass: bool = False,
        is_dark: bool = False,
    ) -> None:
        self.url, self.language, self.is_phone = url, language, size["width"] < 600
        headers = {"X-Forwarded-For": address} if address else {}
        self.context: BrowserContext = browser.new_context(
            viewport={"width": size["width"], "height": size["height"]}, has_touch=self.is_phone, bypass_csp=bypass,
            extra_http_headers=headers, locale=LOCALES[language], timezone_id="Asia/Almaty", reduced_motion="reduce",
            color_scheme="dark" if is_dark else "light",
        )  # fmt: skip
        self.context.set_default_timeout(MOST_MS)
        self.page: Page = self.context.new_page()
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.said.append(f"error: {error}"))
        self.page.on("request", self._request)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.said.append(f"{message.type}: {message.text}")

    def _request(self, request: Request) -> None:
        if not request.url.startswith((f"{self.url}/", "data:")):
            self.asked.append(request.url)

    def close(self) -> None:
        """Close the window; its cookies are gone."""
        self.context.close()

    def path(self) -> str:
        """Where it stands, without site and language."""
        return self.page.url.removeprefix(f"{self.url}/{self.language}").partition("?")[0].partition("#")[0]

    def keep(self, cookies: Mapping[str, str]) -> None:
        """Take over the cookies of somebody who is signed in."""
        self.context.add_cookies([{"name": name, "value": value, "url": self.url} for name, value in cookies.items()])

    def open(self, path: str, query: str = "") -> None:
        """Go to a page by its address."""
        got = self.page.goto(f"{self.url}/{self.language}{path}" + (f"?{query}" if query else ""))
        assert got is not None
        assert got.status == 200, f"{path}: {got.status}"
        self.look()

    def follow(self, path: str, within: str = "body") -> None:
        """Click the first link to a page; path: its beginning, without language."""
        self._onward(self.page.locator(f'{within} a[href^="/{self.language}{path}"]:visible').first)

    def form(self, path: str) -> Locator:
        """The form that is sent to a path."""
        return self.page.locator(f'form[action="/{self.language}{path}"]').first

    def field(self, path: str, name: str) -> Locator:
        """A field of a form."""
        return self.form(path).locator(f'[name="{name}"]').first

    def fill(self, path: str, **values: str) -> None:
        """Fill in a form: texts are typed, words of lists chosen. What is folded is unfolded."""
        folded = self.form(path).locator("xpath=ancestor::details[not(@open)] | descendant::details[not(@open)]")
        while folded.count():
            folded.first.locator("summary").first.click()
        for name, value in values.items():
            field = self.field(path, name)
            if field.evaluate("one => one.tagName") == "SELECT":
                field.select_option(value)
            else:
                field.fill(value)

    def tick(self, path: str, name: str, value: str) -> None:
        """Choose one of several boxes or circles."""
        self.form(path).locator(f'[name="{name}"][value="{value}"]').check()

    def send(self, path: str, button: str = "button") -> None:
        """Press a form's button."""
        self._onward(self.form(path).locator(button).first)

    def text(self, place: str) -> str:
        """The text of the first of what a selector finds."""
        return self.page.locator(place).first.inner_text().strip()

    def sees(self, text: str) -> bool:
        """Whether a text is on the page."""
        return text in self.page.locator("main").inner_text()

    def _onward(self, what: Locator) -> None:
        with self.page.expect_navigation(wait_until="load"):
            what.click()
        self.look()

    def look(self) -> None:
        """Fail where the page is not as every page must be."""
        where = self.path()
        assert self.page.locator("html").get_attribute("lang") == self.language, where
        assert not self.said, f"{where}: the console said {self.said}"
        assert not self.asked, f"{where}: it asked others: {self.asked}"
        assert self.page.locator("main .note.bad[role=alert]").count() == 0, f"{where}: {self.text('main')[:1_000]}"
        self.fits()

    def fits(self) -> None:
        """Fail where the page is wider than the window, or on a phone something is too small to touch."""
        wider: Any = self.page.evaluate(WIDER)
        assert not wider, f"{self.path()}: {wider}"
        if self.is_phone:
            small: Any = self.page.evaluate(TOO_SMALL, SMALLEST)
            assert not small, f"{self.path()}: too small to touch: {small}"
