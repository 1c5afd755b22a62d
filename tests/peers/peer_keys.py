"""A keyboard, and nothing else: what is reached by Tab is seen to be reached."""

from dataclasses import dataclass

from peer_browser import Screen

MOST_TABS = 150
THIN = 2.0
"""CSS pixels of the outline of what has the focus, at least."""
AT = "(place) => document.activeElement.matches(place)"
SEEN = """
() => {
  const one = document.activeElement;
  const box = one.getBoundingClientRect();
  const style = getComputedStyle(one);
  return {
    outline: style.outlineStyle === "none" ? 0 : parseFloat(style.outlineWidth),
    inside: box.right > 0 && box.left < innerWidth && box.bottom > 0 && box.top < innerHeight,
    name: `${one.tagName} ${one.className} ${one.name || ""} ${(one.textContent || "").trim().slice(0, 40)}`,
  };
}
"""


@dataclass(frozen=True, slots=True)
class Keys:
    """The keyboard before a screen."""

    screen: Screen

    def press(self, key: str) -> None:
        """Press one key."""
        self.screen.page.keyboard.press(key)

    def type(self, text: str) -> None:
        """Type a text where the focus is."""
        self.screen.page.keyboard.type(text)

    def enter(self, key: str = "Enter") -> None:
        """Press a key that leads to another page."""
        with self.screen.page.expect_navigation(wait_until="load"):
            self.press(key)
        self.screen.look()

    def is_at(self, place: str) -> bool:
        """Whether the focus is on what a selector names."""
        return bool(self.screen.page.evaluate(AT, place))

    def tab_to(self, place: str) -> None:
        """Tab until the focus is there. Fails where it never comes, or comes to something and is not seen there."""
        for _ in range(MOST_TABS):
            self.press("Tab")
            self.is_seen()
            if self.is_at(place):
                return
        raise AssertionError(f"{self.screen.path()}: Tab does not lead to {place}")

    def is_seen(self) -> None:
        """Fail where nobody sees what has the focus."""
        if self.is_at("body"):
            return  # between the end of the page and its beginning
        found = self.screen.page.evaluate(SEEN)
        assert found["inside"], f"{self.screen.path()}: out of sight: {found['name']}"
        assert found["outline"] >= THIN, f"{self.screen.path()}: no outline: {found['name']}"
