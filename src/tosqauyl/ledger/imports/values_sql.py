"""SQL of single values: a mapping's entry over a table of texts becomes a text, a number, a time, or NULL where it is none."""

from collections.abc import Iterable

from tosqauyl.ledger.columns import literal
from tosqauyl.ledger.imports.mapping import CHOICES, Condition, Mapping, Source
from tosqauyl.record import Column

_OFFSET = r"[0-9]{1,2}:[0-9]{2}(:[0-9]{2}([.,][0-9]+)?)?\s*(Z|[+-][0-9]{2}:?[0-9]{2}|[+-][0-9]{2})$"
_SCALES = {"s": "1", "ms": "0.001", "us": "0.000001"}
_EPOCHS = {"epoch": 1.0, "epoch_ms": 1e-3, "epoch_us": 1e-6}


def quoted(name: str) -> str:
    """A column's name as SQL."""
    return '"' + name.replace('"', '""') + '"'


def first_of(names: Iterable[str], have: frozenset[str]) -> str:
    """The first of some columns that is not blank; NULL where none is, or the file has none of them."""
    parts = [f"nullif(trim({quoted(name)}), '')" for name in names if name in have]
    return f"coalesce({', '.join(parts)})" if len(parts) > 1 else parts[0] if parts else "CAST(NULL AS VARCHAR)"


def text_of(source: Source, have: frozenset[str]) -> str:
    """The text that an entry stands for."""
    text = first_of(source.columns, have)
    if source.pattern:
        text = f"nullif(regexp_extract({text}, {literal(source.pattern)}, 1), '')"
    if not source.values:
        return text
    cases = " ".join(f"WHEN {literal(key)} THEN {literal(value)}" for key, value in source.values)
    return f"(CASE coalesce({text}, '') {cases} {_otherwise(source)} END)"


def _otherwise(source: Source) -> str:
    return "" if source.otherwise is None else f"ELSE {literal(source.otherwise)}"


def value_of(source: Source, column: Column, have: frozenset[str]) -> tuple[str, str]:
    """(value as the column's type, whether a text is there that is none), as SQL."""
    text = text_of(source, have)
    choices = CHOICES.get(column.name)
    if choices:
        value = f"(CASE WHEN {text} IN ({', '.join(map(literal, choices))}) THEN {text} END)"
    elif column.sql_type == "BOOLEAN":
        value = (
            f"(CASE WHEN lower({text}) IN ('true', 't', 'yes', '1') THEN TRUE WHEN {text} IS NOT NULL THEN FALSE END)"
        )
    elif column.sql_type == "VARCHAR":
        return text, "FALSE"
    else:
        value = _number(text, source.unit, column.sql_type)
    return value, f"({text} IS NOT NULL AND {value} IS NULL)"


def _number(text: str, unit: str, sql_type: str) -> str:
    if unit == "hms":
        parts = [f"TRY_CAST(split_part({text}, ':', {place}) AS DOUBLE)" for place in (1, 2, 3)]
        return f"TRY_CAST({parts[0]} * 3600 + {parts[1]} * 60 + {parts[2]} AS {sql_type})"
    if sql_type.startswith("DECIMAL"):
        return f"TRY_CAST({text} AS {sql_type})"  # a mask of 126 bits does not go through a double
    number = f"TRY_CAST(replace({text}, ',', '.') AS DOUBLE)"
    scale = "" if unit == "s" else f" * {_SCALES[unit]}"
    finite = f"CASE WHEN isfinite({number}) THEN {number}{scale} END"
    return f"(CASE WHEN {text} IS NOT NULL THEN TRY_CAST({finite} AS {sql_type}) END)"


def number_of(text: str, mapping: Mapping) -> str:
    """The raw number that the plan reads: prefixes of the exchange undone, digits without a plus given theirs."""
    for prefix in mapping.strip:
        text = (
            f"(CASE WHEN starts_with({text}, {literal(prefix)}) THEN substr({text}, {len(prefix) + 1}) ELSE {text} END)"
        )
    cases = [
        (f"starts_with({text}, {literal(one)})", f"'+' || substr({text}, {len(one) + 1})")
        for one in mapping.international
    ]
    cases += [
        (f"starts_with({text}, {literal(one)})", f"'+7' || substr({text}, {len(one) + 1})") for one in mapping.national
    ]
    if mapping.form == "e164":
        cases.append((f"regexp_full_match({text}, '[1-9][0-9]{{6,14}}')", f"'+' || {text}"))
    if mapping.form == "national":
        cases.append((f"regexp_full_match({text}, '[0-9]{{10}}')", f"'+7' || {text}"))
    if not cases:
        return text
    whens = " ".join(f"WHEN {condition} THEN {result}" for condition, result in cases)
    return f"(CASE {whens} ELSE {text} END)"


def times_of(text: str, formats: tuple[str, ...]) -> tuple[str, str]:
    """(seconds since 1970 UTC where the text says so, else seconds on the local clocks), as SQL; one of them is NULL, or both."""
    utc = [f"TRY_CAST({text} AS DOUBLE) * {_EPOCHS[one]!r}" for one in formats if one in _EPOCHS]
    local = []
    patterns = [one for one in formats if one not in _EPOCHS and one != "iso"]
    if "iso" in formats:
        offset = f"nullif(regexp_extract({text}, {literal(_OFFSET)}, 3), '')"
        moment = f"epoch(TRY_CAST({text} AS TIMESTAMP))"
        utc.append(f"CASE WHEN {offset} IS NOT NULL THEN {moment} - {_offset_seconds(offset)} END")
        local.append(f"CASE WHEN {offset} IS NULL THEN {moment} END")
    if patterns:
        local.append(f"epoch(try_strptime({text}, [{', '.join(map(literal, patterns))}]))")
    return _first(utc), _first(local)


def _offset_seconds(offset: str) -> str:
    hours = f"TRY_CAST(substr({offset}, 2, 2) AS INTEGER) * 3600"
    minutes = f"coalesce(TRY_CAST(right(replace({offset}, ':', ''), 2) AS INTEGER), 0) * 60"
    some = f"(CASE WHEN length({offset}) > 3 THEN {hours} + {minutes} ELSE {hours} END)"
    return f"(CASE WHEN {offset} = 'Z' THEN 0 WHEN starts_with({offset}, '-') THEN -{some} ELSE {some} END)"


def _first(parts: list[str]) -> str:
    return f"coalesce({', '.join(parts)})" if parts else "CAST(NULL AS DOUBLE)"


def condition_of(condition: Condition, have: frozenset[str]) -> str:
    """Whether a row meets a condition."""
    parts = [
        f"coalesce(trim({quoted(name)}), '') IN ({', '.join(map(literal, values)) or 'NULL'})"
        if name in have
        else "FALSE"
        for name, values in condition
    ]
    return f"({' AND '.join(parts)})" if parts else "TRUE"
