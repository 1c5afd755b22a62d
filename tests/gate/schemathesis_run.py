"""One run of the whole engine of schemathesis: examples, coverage, fuzzing, stateful; what failed, and what was answered."""

import time
from collections import Counter, defaultdict
from typing import Any

import schemathesis
from schemathesis.engine import events


class Run:
    """failures: a line for each, with the request as a command; statuses: 'METHOD path' -> how often each came."""

    def __init__(self, schema: Any) -> None:
        self.failures: list[str] = []
        self.statuses: defaultdict[str, Counter[int]] = defaultdict(Counter)
        started = time.monotonic()
        for event in schemathesis.engine.from_schema(schema).execute():
            if isinstance(event, events.PhaseFinished):
                print(f"{event.phase.name}: until {time.monotonic() - started:.0f} s", flush=True)
            elif isinstance(event, events.ScenarioFinished):
                self._note(event)
            elif isinstance(event, events.NonFatalError | events.FatalError):
                self.failures.append(str(event))

    def _note(self, event: Any) -> None:
        for case_id, checks in event.recorder.checks.items():
            case = event.recorder.cases[case_id].value
            for check in checks:
                if check.failure_info is not None:
                    failure = check.failure_info.failure
                    self.failures.append(
                        f"{case.method} {case.path}: {failure.title}: {failure.message} {case.as_curl_command()}"
                    )
        for case_id, interaction in event.recorder.interactions.items():
            case = event.recorder.cases[case_id].value
            if interaction.response is not None:
                name = f"{case.operation.method.upper()} {case.operation.path}"
                self.statuses[name][interaction.response.status_code] += 1
