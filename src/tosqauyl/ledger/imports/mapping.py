"""What the columns of somebody's file mean: a mapping, as a value, and the TOML it is written in (docs/import.md).

Every mistake of a mapping is told at once, with its line and the nearest word that is known.
"""

from dataclasses import dataclass, field, replace
from importlib.resources import files
from typing import Any

from tosqauyl.errors import FileMistakes, Mistake, TosqauylError
from tosqauyl.facts import FACTS
from tosqauyl.ledger.columns import CALLS, OUTCOMES, PLACE
from tosqauyl.ledger.imports.mapping_read import TABLES, Reading
from tosqauyl.ledger.window import HOME_ZONE
from tosqauyl.policy.near import close
from tosqauyl.record import Column

FORMATS = ("csv", "parquet", "json", "xml", "kamailio", "radius")
"""How a file is read into rows of text."""
FORMS = ("as-sent", "e164", "national")
"""How numbers are written: as a trunk sends them (the plan reads any spelling); E.164 without a plus; ten national digits."""
NUMBERS = ("caller", "network", "presented", "remote_party", "redirecting", "called")
"""Facts that are numbers: read by the number plan as the gate reads them."""
_PLACES = frozenset(column.name for column in PLACE)
TARGETS: dict[str, dict[str, Column]] = {
    "calls": {column.name: column for column in CALLS if column.name not in _PLACES},
    "outcomes": {column.name: column for column in OUTCOMES if column.name not in _PLACES},
}
"""What a column of the source can become, by table."""
CHOICES = {
    **{fact.name: fact.about.choices for fact in FACTS.values() if fact.about.choices},
    "answered": ("yes", "no", "unknown"),
    "hung_up": ("caller", "callee", "network", "unknown"),
    "truth": ("unknown", "fraud", "honest"),
}
"""All values of the columns that have few."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How the file is built. header: its first row has the names; else `columns` gives them. least: how many of them a row must
    have (0: all). quote: '' for none. comment: lines that begin with it are passed over ('': none). encoding: of lines that are
    not UTF-8."""

    format: str = "csv"
    header: bool = True
    columns: tuple[str, ...] = ()
    least: int = 0
    delimiter: str = ","
    quote: str = '"'
    comment: str = ""
    encoding: str = "cp1251"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a value comes from: the first of `columns` that is not empty, then `pattern` (its first group), then `values`.

    otherwise: what a text that is not among `values` becomes; None: it stays unknown. unit: of numbers. since, until: the value is
    the seconds between two times, the first of `until` that is there. optional: the file may lack the columns.
    """

    columns: tuple[str, ...] = ()
    pattern: str = ""
    values: tuple[tuple[str, str], ...] = ()
    otherwise: str | None = None
    unit: str = "s"
    since: str = ""
    until: tuple[str, ...] = ()
    optional: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Every column of the source that it reads."""
        return (*self.columns, *((self.since,) if self.since else ()), *self.until)


Condition = tuple[tuple[str, tuple[str, ...]], ...]
"""Columns of the source and the values each must have; () is always true."""


@dataclass(frozen=True, slots=True)
class Mapping:
    """A checked mapping. times: formats of times, tried in order (strptime; iso, epoch, epoch_ms, epoch_us).

    form, strip, international, national: how numbers are written (docs/import.md). only: which rows become calls and outcomes.
    begin, end: which row tells that a call began and which that it ended, where these are two.
    """

    name: str
    layout: Layout = Layout()
    zone: str = HOME_ZONE
    times: tuple[str, ...] = ("iso",)
    form: str = "as-sent"
    strip: tuple[str, ...] = ()
    international: tuple[str, ...] = ()
    national: tuple[str, ...] = ()
    calls: dict[str, Source] = field(default_factory=dict)
    outcomes: dict[str, Source] = field(default_factory=dict)
    constants: dict[str, str | bool | int | float] = field(default_factory=dict)
    only: dict[str, Condition] = field(default_factory=dict)
    begin: Condition = ()
    end: Condition = ()

    @property
    def wanted(self) -> tuple[str, ...]:
        """Every column of the source that is read, once, in order."""
        sources = (*self.calls.values(), *self.outcomes.values())
        conditions = (*self.only.values(), self.begin, self.end)
        named = [name for source in sources for name in source.names]
        named += [name for condition in conditions for name, _ in condition]
        return tuple(dict.fromkeys(named))

    @property
    def needed(self) -> tuple[str, ...]:
        """The columns of the source that it cannot do without: of a source that names several, one is enough."""
        sources = (*self.calls.values(), *self.outcomes.values())
        conditions = (*self.only.values(), self.begin, self.end)
        named = [source.names[0] for source in sources if not source.optional and source.names]
        named += [name for condition in conditions for name, _ in condition]
        return tuple(dict.fromkeys(named))

    def line_of(self, name: str) -> str:
        """Which of its entries read a column of the source, for people."""
        tables = (("calls", self.calls), ("outcomes", self.outcomes))
        places = [f"{table}.{key}" for table, part in tables for key, one in part.items() if name in one.names]
        return ", ".join(places) or "only or pairs"


def shipped_names() -> tuple[str, ...]:
    """Names of the mappings that come with the package."""
    folder = files("tosqauyl.ledger.imports") / "data"
    return tuple(sorted(one.name.removesuffix(".toml") for one in folder.iterdir() if one.name.endswith(".toml")))


def shipped(name: str) -> Mapping:
    """A mapping of the package. Raises TosqauylError where there is none of that name."""
    if name not in shipped_names():
        raise TosqauylError(
            f"no mapping is named {name!r}", "--mapping", f"a file, or one of {', '.join(shipped_names())}"
        )
    text = (files("tosqauyl.ledger.imports") / "data" / f"{name}.toml").read_text(encoding="utf-8")
    return load_mapping(text, f"{name}.toml")


def own_columns(names: tuple[str, ...], layout: Layout) -> Mapping | None:
    """The mapping of a file whose columns are named as the ledger's are; None where it does not have a time and a number."""
    calls = {name: Source((name,)) for name in names if name in TARGETS["calls"]}
    outcomes = {name: Source((name,)) for name in names if name in TARGETS["outcomes"]}
    is_calls = "at" in calls and any(number in calls for number in NUMBERS)
    is_outcomes = {"call_id", "answered"} <= set(outcomes) and "at" in outcomes
    if not is_calls and not is_outcomes:
        return None
    return Mapping(
        "own columns",
        layout,
        times=("iso", "epoch"),
        calls=calls if is_calls else {},
        outcomes=outcomes if is_outcomes else {},
    )


def load_mapping(text: str, file: str) -> Mapping:
    """A mapping out of TOML. Raises FileMistakes with every mistake."""
    reading = Reading.of(text, file)
    tables = {name: reading.table(name) for name in TABLES}
    layout = _layout(tables["file"], reading)
    calls, outcomes = (_sources(tables[name], name, reading) for name in ("calls", "outcomes"))
    mapping = Mapping(
        file.rpartition("/")[2].removesuffix(".toml"),
        layout,
        reading.text(tables["time"], "time.zone", HOME_ZONE),
        reading.texts(tables["time"], "time.formats") or ("iso",),
        reading.choice(tables["numbers"], "numbers.form", FORMS),
        reading.texts(tables["numbers"], "numbers.strip"),
        reading.texts(tables["numbers"], "numbers.international_prefix"),
        reading.texts(tables["numbers"], "numbers.national_prefix"),
        calls,
        outcomes,
        _constants(tables["constants"], reading),
        {name: reading.condition(tables["only"], f"only.{name}") for name in ("calls", "outcomes")},
        reading.condition(tables["pairs"], "pairs.begin"),
        reading.condition(tables["pairs"], "pairs.end"),
    )
    _check_whole(mapping, reading)
    if reading.mistakes:
        raise FileMistakes(sorted(reading.mistakes, key=lambda one: (one.line, one.what)))
    return mapping


def with_constants(mapping: Mapping, constants: dict[str, str], zone: str = "", encoding: str = "") -> Mapping:
    """The mapping with constants of the command line ('' leaves one out); they win over the file's columns of that name."""
    given = {name: value for name, value in constants.items() if value}
    return replace(
        mapping,
        constants={**mapping.constants, **given},
        calls={name: source for name, source in mapping.calls.items() if name not in given},
        zone=zone or mapping.zone,
        layout=replace(mapping.layout, encoding=encoding or mapping.layout.encoding),
    )


def _layout(table: dict[str, Any], reading: Reading) -> Layout:
    layout = Layout(
        reading.choice(table, "file.format", FORMATS),
        reading.flag(table, "file.header", True),
        reading.texts(table, "file.columns"),
        reading.integer(table, "file.least"),
        reading.text(table, "file.delimiter", ","),
        reading.text(table, "file.quote", '"'),
        reading.text(table, "file.comment", ""),
        reading.text(table, "file.encoding", "cp1251"),
    )
    if len(layout.delimiter) != 1 or len(layout.quote) > 1:
        reading.wrong("file.delimiter", "delimiter and quote are one character each")
    if layout.format == "csv" and not layout.header and not layout.columns:
        reading.wrong("file.columns", "a file without a header needs the names of its columns")
    try:
        "".encode(layout.encoding)
    except LookupError:
        reading.wrong("file.encoding", f"no encoding is named {layout.encoding!r}", "for example cp1251, koi8-r, utf-8")
    return layout


def _sources(table: dict[str, Any], name: str, reading: Reading) -> dict[str, Source]:
    found = {}
    for key, value in table.items():
        if key not in TARGETS[name]:
            reading.unknown(f"{name}.{key}", tuple(TARGETS[name]))
            continue
        source = _source(value, f"{name}.{key}", reading)
        if source is not None:
            found[key] = source
            _check_values(source, key, f"{name}.{key}", reading)
    return found


def _source(value: object, path: str, reading: Reading) -> Source | None:
    """One entry: "column", ["first", "second"], or a table of its own."""
    if isinstance(value, str | list):
        value = {"column": value}
    if not isinstance(value, dict):
        reading.wrong(path, f"{value!r} is no column", f'write {path.partition(".")[2]} = "name of the column"')
        return None
    columns = reading.names(value, f"{path}.column")
    since, until = reading.text(value, f"{path}.since", ""), reading.names(value, f"{path}.until")
    reading.only_keys(value, path, ("column", "pattern", "values", "otherwise", "unit", "since", "until", "optional"))
    if bool(columns) == bool(since or until) or bool(since) != bool(until):
        reading.wrong(
            path, "needs either column, or since and until", 'for example { since = "start", until = "answer" }'
        )
    values = reading.pairs(value, f"{path}.values")
    return Source(
        columns,
        reading.pattern(value, f"{path}.pattern"),
        values,
        reading.text(value, f"{path}.otherwise", "") if "otherwise" in value else None,
        reading.choice(value, f"{path}.unit", ("s", "ms", "us", "hms")),
        since,
        until,
        reading.flag(value, f"{path}.optional", False),
    )


def _check_values(source: Source, key: str, path: str, reading: Reading) -> None:
    choices = CHOICES.get(key)
    results = [value for _, value in source.values] + ([source.otherwise] if source.otherwise is not None else [])
    for result in results:
        if choices and result not in choices:
            reading.unknown(f"{path}.values", choices, result)


def _constants(table: dict[str, Any], reading: Reading) -> dict[str, str | bool | int | float]:
    found = {}
    for key, value in table.items():
        column, path = TARGETS["calls"].get(key), f"constants.{key}"
        if column is None:
            reading.unknown(path, tuple(TARGETS["calls"]))
        elif type(value) is not type(column.unknown) and not (isinstance(column.unknown, float) and type(value) is int):
            reading.wrong(path, f"{value!r} is not of the column's type, {column.sql_type}")
        elif isinstance(value, str) and key in CHOICES and value not in CHOICES[key]:
            reading.unknown(path, CHOICES[key], value)
        else:
            found[key] = value
    return found


def _check_whole(mapping: Mapping, reading: Reading) -> None:
    """What no single entry can be blamed for."""
    calls = mapping.calls
    if not calls and not mapping.outcomes:
        reading.wrong("", "neither [calls] nor [outcomes] is there", "say which column is what")
    if calls and "at" not in calls:
        reading.wrong("calls.at", "is missing", "which column has the time of the call?")
    if calls and not any(number in calls for number in NUMBERS):
        reading.wrong("calls", "no column has a number", f"one of {', '.join(NUMBERS)}")
    if mapping.outcomes and not calls and not {"at", "call_id"} <= set(mapping.outcomes):
        reading.wrong("outcomes", "outcomes on their own need at and call_id")
    twice = sorted(set(calls) & set(mapping.constants))
    if twice:
        reading.wrong(f"constants.{twice[0]}", "is mapped under [calls] as well", "keep one of the two")


def missing_columns(mapping: Mapping, have: tuple[str, ...], file: str) -> list[Mistake]:
    """Columns that the mapping needs and the file does not have, each with the nearest that it has."""
    return [
        Mistake(
            file, 1, 0, f"the file has no column {name!r}, needed for {mapping.line_of(name)}", _nearest(name, have)
        )
        for name in mapping.needed
        if name not in have and not _has_another(mapping, name, have)
    ]


def _has_another(mapping: Mapping, name: str, have: tuple[str, ...]) -> bool:
    """Whether every entry that reads the column has another one to read."""
    sources = [one for one in (*mapping.calls.values(), *mapping.outcomes.values()) if name in one.names]
    in_conditions = any(
        name == column for part in (*mapping.only.values(), mapping.begin, mapping.end) for column, _ in part
    )
    others = [one.optional or any(column in have for column in one.columns) for one in sources]
    return bool(others) and all(others) and not in_conditions


def _nearest(name: str, have: tuple[str, ...]) -> str:
    near = close(name, list(have))
    columns = ", ".join(have[:40]) + (", ..." if len(have) > 40 else "")
    return f"{near + ' ' if near else ''}columns of the file: {columns}"
