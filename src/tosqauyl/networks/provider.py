"""Networks: the provider that takes each question to the desk of the operator whose subscriber it is about."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from tosqauyl.state.provider import ORIGINATION, WHEREABOUTS, Answer, Question

_TROUBLES = {WHEREABOUTS: "home-network", ORIGINATION: "origination"}


class AnyDesk(Protocol):
    """What Networks needs of a desk: see networks/desk.py."""

    deliver: Callable[[float, Answer], None]

    def ask(self, question: Question, now: float) -> Answer | None:
        """The answer if it is known at once; else it comes by `deliver`."""

    def state(self, now: float) -> dict[str, Any]:
        """For the status page."""

    def troubles(self, now: float) -> list[str]:
        """down, refused or slow."""

    async def close(self) -> None:
        """Give up and let go. Never raises."""


class Networks:
    """A state.provider.Provider over any number of networks. Lives in one loop, that of the asker.

    whereabouts, origination: operator (as the number plan names it) -> desk. One desk may stand under several names.
    not_enrolled: questions, by kind, about subscribers of operators that have no desk.
    """

    def __init__(self, whereabouts: Mapping[str, AnyDesk], origination: Mapping[str, AnyDesk]) -> None:
        self._desks: dict[str, dict[str, AnyDesk]] = {WHEREABOUTS: dict(whereabouts), ORIGINATION: dict(origination)}
        self.not_enrolled = {WHEREABOUTS: 0, ORIGINATION: 0}
        self._came: list[tuple[float, Answer]] = []
        self._wake: Callable[[], None] | None = None
        self._is_waking = False
        for desks in self._desks.values():
            for desk in desks.values():
                desk.deliver = self._take

    def ask(self, question: Question, now: float) -> Answer | None:
        """The answer if it is known at once, else None. Never raises. now: seconds of time.monotonic."""
        desk = self._desks[question.kind].get(question.operator)
        if desk is None:
            self.not_enrolled[question.kind] += 1
            return Answer(question.key, "not_enrolled")
        if question.kind == ORIGINATION and not question.called:
            # Its key would be that of a question about whereabouts, and its answer would be taken for one.
            return Answer(question.key, "failed")
        return desk.ask(question, now)

    def poll(self, now: float) -> list[Answer]:
        """The answers that came, but for those whose askers gave up meanwhile."""
        came, self._came = self._came, []
        return [answer for until, answer in came if now < until]

    def deadline(self) -> float | None:
        """None: `wake` is called."""
        return None

    def wake_by(self, wake: Callable[[], None]) -> None:
        """Have `wake` called once for all answers that come within one turn of the loop."""
        self._wake = wake

    def _take(self, until: float, answer: Answer) -> None:
        self._came.append((until, answer))
        if not self._is_waking:
            self._is_waking = True
            asyncio.get_running_loop().call_soon(self._woken)

    def _woken(self) -> None:
        self._is_waking = False
        if self._wake is not None:
            self._wake()

    def state(self, now: float) -> dict[str, Any]:
        """For metrics and /v1/status; JSON-able. operators: by name, what each desk says of itself. troubles: slugs of what
        somebody should mend now. now: seconds of time.monotonic."""
        operators: dict[str, dict[str, Any]] = {}
        troubles: set[str] = set()
        for kind, desks in self._desks.items():
            for operator, desk in desks.items():
                operators.setdefault(operator, {})[kind] = desk.state(now)
                troubles.update(f"{_TROUBLES[kind]}-{slug}" for slug in desk.troubles(now))
        return {"operators": operators, "not_enrolled": dict(self.not_enrolled), "troubles": sorted(troubles)}

    async def close(self) -> None:
        """Close every desk once. Never raises."""
        desks = {id(desk): desk for kind in self._desks.values() for desk in kind.values()}
        await asyncio.gather(*(desk.close() for desk in desks.values()), return_exceptions=True)
