"""Open questions to home networks: what is asked, who waits for it, and until when.

One answer serves all calls that wait for it. Calls over SIP (gate/waiting.py) and over HTTP
(`Session.screen`) wait here in the same way; what they do with the answers is theirs.
"""

import heapq
from collections import defaultdict
from collections.abc import Callable

from tosqauyl.screen.engine import Ask
from tosqauyl.state.provider import Answer, Provider, Question

Answers = dict[str, Answer]
"""By the question's key. A timeout is an answer like any other."""

Done = Callable[[Answers, float], None]
"""Called once, with every answer and the monotonic second."""


class OpenQuestion:
    """What one call wants to know. missing: keys of questions whose answer has not come; until: when it gives up."""

    __slots__ = ("answers", "done", "missing", "until")

    def __init__(self, questions: tuple[Question, ...], until: float, done: Done) -> None:
        self.missing: set[str] = {question.key for question in questions}
        self.answers: Answers = {}
        self.until = until
        self.done = done


class Questions:
    """All open questions of a session, by the transaction key of the call that waits."""

    def __init__(self, provider: Provider, counters: defaultdict[str, int]) -> None:
        self.provider = provider
        self._counters = counters
        self._open: dict[str, OpenQuestion] = {}
        self._by_key: defaultdict[str, set[str]] = defaultdict(set)
        self._timers: list[tuple[float, str]] = []

    def __len__(self) -> int:
        return len(self._open)

    def ask(self, key: str, ask: Ask, now: float, done: Done) -> None:
        """Put the question; `done` is called at once, before this returns, if every answer is here at once."""
        question = OpenQuestion(ask.questions, ask.until, done)
        for asked in ask.questions:
            wanted = asked.key
            # Asked again where somebody waits already: the provider must know until when, and one answer serves both.
            self._counters["asked"] += wanted not in self._by_key
            found = self.provider.ask(asked, now)
            if found is not None:
                question.answers[wanted] = found
                question.missing.discard(wanted)
        if not question.missing:
            self._end(question, now)
            return
        self._open[key] = question
        for wanted in question.missing:
            self._by_key[wanted].add(key)
        heapq.heappush(self._timers, (ask.until, key))

    def forget(self, key: str) -> None:
        """The call no longer waits: `done` will not be called."""
        question = self._open.pop(key, None)
        if question is not None:
            self._withdraw(key, question)

    def deadline(self) -> float | None:
        """When `tick` is next due; None while nothing is asked."""
        if not self._open:
            return None
        due = [self._timers[0][0]] if self._timers else []
        coming = self.provider.deadline()
        return min(due if coming is None else [*due, coming], default=None)

    def tick(self, now: float) -> None:
        """Take in answers, then give up on what is due."""
        for found in self.provider.poll(now):  # also where nobody waits any more: else it would keep them
            for key in self._by_key.pop(found.key, ()):
                self._answer_came(key, found, now)
        while self._timers and self._timers[0][0] <= now:
            key = heapq.heappop(self._timers)[1]
            question = self._open.get(key)
            if question is not None and question.until <= now:
                del self._open[key]
                self._withdraw(key, question)
                self._end(question, now)

    def _answer_came(self, key: str, found: Answer, now: float) -> None:
        question = self._open.get(key)
        if question is None:
            return
        question.answers[found.key] = found
        question.missing.discard(found.key)
        if not question.missing:
            del self._open[key]
            self._end(question, now)

    def _withdraw(self, key: str, question: OpenQuestion) -> None:
        for wanted in question.missing:
            waiting = self._by_key[wanted]
            waiting.discard(key)
            if not waiting:
                del self._by_key[wanted]

    def _end(self, question: OpenQuestion, now: float) -> None:
        """All answers are in, or time is up."""
        question.answers.update({wanted: Answer(wanted, "timeout") for wanted in question.missing})
        for answer in question.answers.values():
            self._counters[f"answer_{answer.state}"] += 1
        question.done(question.answers, now)
