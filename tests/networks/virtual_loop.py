"""An event loop whose clock jumps to the next timer as soon as nothing is left to do: no test waits for time to pass."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any


class _Jumping(selectors.DefaultSelector):
    """Instead of sleeping it tells the loop how long it would have slept."""

    def __init__(self) -> None:
        super().__init__()
        self.slept = 0.0

    def select(self, timeout=None):
        if timeout is None:
            raise RuntimeError("nothing is left to happen: this loop would wait for ever")
        self.slept += max(timeout, 0.0)
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """Starts at second 1000. `held_up` lets time pass in which the loop itself does nothing."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        self._held = 1000.0
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._held + self._jumping.slept

    def held_up(self, seconds: float) -> None:
        self._held += seconds


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """asyncio.run on a virtual loop; what is left over is cancelled."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(coroutine)
