"""Every query of the statistics by name: what has to give the same rows on every engine."""

from tosqauyl.ledger import alerts, displacement, scorecard, statistics_queries
from tosqauyl.ledger.columns import names
from tosqauyl.ledger.window import Window


def all_queries(window: Window) -> list[tuple[str, str]]:
    """(name, query in DuckDB's dialect) over a window: every definition alone and by every dimension, and what displacement,
    scorecards and alerts ask."""
    return [
        *statistics_queries.all_queries(window),
        *displacement.all_queries(window),
        *scorecard.all_queries(window, frozenset(names("calls"))),
        *alerts.all_queries(window),
    ]
