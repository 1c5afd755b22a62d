"""The queries of the definitions, in DuckDB's dialect and in what Spark has as well."""

from tosqauyl.ledger.columns import TIME, literal
from tosqauyl.ledger.definitions import DEFINITIONS, DIMENSIONS, STOPPED, Definition, Dimension
from tosqauyl.ledger.outcomes import folded_sql
from tosqauyl.ledger.window import Window

REDIAL_SECONDS = 600.0
"""How long after an attempt the next one between the same two numbers is still the same call."""


def figure_sql(definition: Definition, window: Window, only: tuple[str, ...] = ()) -> str:
    """The query of a figure: one row of (count, what it is of; 1 if of nothing). only: origins; () for all."""
    rows = _rows(definition, inside(window, only), "")
    return f"SELECT {definition.count} AS parts, {definition.of or '1'} AS whole\n{rows}"


def breakdown_sql(definition: Definition, window: Window, dimension: Dimension, only: tuple[str, ...] = ()) -> str:
    """The query of a breakdown: (value, count, what it is of), by value. Days and hours are whole numbers (Window)."""
    rows = _rows(definition, inside(window, only), dimension.column_for(definition))
    counts = f"{definition.count} AS parts, {definition.of or '1'} AS whole"
    return f"SELECT {_value(definition, window, dimension)} AS value, {counts}\n{rows}\nGROUP BY 1\nORDER BY 1"


def removed_sql(
    definition: Definition,
    window: Window,
    by: Dimension | None = None,
    only: tuple[str, ...] = (),
    table: str = "daily",
) -> str:
    """The query of a figure or breakdown over the counts that stay of removed calls, to be added to the one over the calls.

    table: hours, for the counts by hour of calls that are there: the same figures in less time.
    """
    where = "" if definition.where == "TRUE" else f" AND {definition.where}"
    counts = f"{_weighted(definition.count)} AS parts, {_weighted(definition.of) if definition.of else '1'} AS whole"
    rows = f"FROM {table}\nWHERE {inside(window, only)}{where}"
    if by is None:
        return f"SELECT {counts}\n{rows}"
    return f"SELECT {_value(definition, window, by)} AS value, {counts}\n{rows}\nGROUP BY 1\nORDER BY 1"


def whole_breakdown_sql(definition: Definition, window: Window, by: Dimension, with_removed: bool) -> str:
    """The query of a breakdown as it is shown to people. with_removed: whether counts of removed calls were added."""
    more = (
        f"\n-- added, of days whose calls were removed:\n{removed_sql(definition, window, by)}" if with_removed else ""
    )
    return breakdown_sql(definition, window, by) + more


def _weighted(aggregate: str) -> str:
    """An aggregate that counts rows of `calls`, as one that adds up the rows' `attempts`."""
    if aggregate == "count(*)":
        return "coalesce(sum(attempts), 0)"
    return f"coalesce(sum({aggregate.removeprefix('count(').replace('THEN 1 END)', 'THEN attempts END')}), 0)"


def _value(definition: Definition, window: Window, by: Dimension) -> str:
    column = by.column_for(definition)
    return f'"{column}"' if column else {"day": window.day, "hour": window.hour}[by.slug]()


def series_sql(definition: Definition, window: Window, step: str, column: str) -> str:
    """(day or hour, value of a column, count) of a definition; without a column: (day or hour, '', count)."""
    rows = _rows(definition, inside(window), column)
    time, value = {"day": window.day, "hour": window.hour}[step](), f'"{column}"' if column else "''"
    return (
        f"SELECT {time} AS place, {value} AS value, {definition.count} AS parts\n{rows}\nGROUP BY 1, 2\nORDER BY 1, 2"
    )


def coverage_sql(window: Window, only: tuple[str, ...] = (), step: str = "day", table: str = "calls") -> str:
    """The query of `coverage`: (day or hour, origin, rows, first, last).

    table: calls; hours, for the same in less time; daily, for what stays of removed ones.
    """
    time = window.day() if step == "day" else window.hour()
    rows = "count(*)" if table == "calls" else "sum(attempts)"
    first, last = ("first_at", "last_at") if table == "hours" else (TIME, TIME)
    return (
        f"SELECT {time} AS value, origin, {rows} AS parts,\n  min({first}) AS first_at, max({last}) AS last_at\n"
        f"FROM {table}\nWHERE {inside(window, only)}\nGROUP BY 1, 2\nORDER BY 1, 2"
    )


def inside(window: Window, only: tuple[str, ...] = ()) -> str:
    """SQL: whether a row of `calls` lies in the window, and is of one of the origins where some are named."""
    origins = f" AND origin IN ({', '.join(literal(one) for one in only)})" if only else ""
    return window.condition() + origins


def _rows(definition: Definition, within: str, column: str) -> str:
    """FROM and WHERE of a definition. column: one more that is wanted of each row, '' for none."""
    match definition.rows:
        case "folded":
            return f"FROM {_folded(within, column)}\nWHERE {definition.where}"
        case "folded-stops":
            return f"FROM {_folded(f'{within} AND {STOPPED}', column)}\nWHERE {definition.where}"
        case "allowed-later":
            return (
                f"FROM calls JOIN (SELECT caller AS allowed_caller, max({TIME}) AS allowed_at FROM calls\n"
                f"  WHERE {within} AND listed = 'allow' AND caller <> '' GROUP BY caller) AS allowed\n"
                f"  ON caller = allowed_caller\nWHERE {within} AND {definition.where}"
            )
        case "ended":
            made = f"SELECT {_columns(column, 'at', 'call_id')} FROM calls WHERE {within}"
            return f"FROM {ended(made)}\nWHERE {definition.where}"
    further = "" if definition.where == "TRUE" else f" AND {definition.where}"
    return f"FROM calls\nWHERE {within}{further}"


def ended(calls: str) -> str:
    """FROM item: calls (a SELECT with call_id) whose outcome was told, with `answered` and `duration` of it."""
    return (
        f"({calls}) AS made\n"
        f"  JOIN (SELECT call_id AS ended_id, answered, duration FROM ({folded_sql()}) AS words) AS ends ON call_id = ended_id"
    )


def _folded(condition: str, column: str) -> str:
    """Rows with `starts`: 1 where no attempt between the same two numbers came in the ten minutes before."""
    kept = _columns(column, "at", "caller", "called")
    return (
        f"(SELECT {kept}, CASE WHEN caller = '' OR called = '' OR before IS NULL OR {TIME} - before > {REDIAL_SECONDS}"
        f" THEN 1 ELSE 0 END AS starts\n  FROM (SELECT {kept}, lag({TIME}) OVER (PARTITION BY caller, called"
        f" ORDER BY {TIME}, origin, batch, line) AS before\n    FROM calls WHERE {condition}) AS ordered) AS folded"
    )


def _columns(*wanted: str) -> str:
    return ", ".join(f'"{one}"' for one in dict.fromkeys(wanted) if one)


def all_queries(window: Window) -> list[tuple[str, str]]:
    """(name, query) of every definition, alone and by every dimension: what has to run on every engine alike."""
    found = [("coverage", coverage_sql(window)), ("coverage removed", coverage_sql(window, table="daily"))]
    for one in DEFINITIONS.values():
        found.append((one.slug, figure_sql(one, window)))
        if one.outlives_calls:
            found.append((f"{one.slug} removed", removed_sql(one, window)))
        for by in DIMENSIONS.values():
            if one.per and by.is_time:
                continue
            found.append((f"{one.slug} by {by.slug}", breakdown_sql(one, window, by)))
            if one.outlives_calls and by.outlives_calls:
                found.append((f"{one.slug} removed by {by.slug}", removed_sql(one, window, by)))
    return found
