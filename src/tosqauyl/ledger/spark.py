"""The second engine: the same queries on Apache Spark, over the same Parquet files that the manifest names.

For ledgers that one machine cannot read in the time one has. Workers must see the ledger's folder under the same path. What is
not here: the live tail. Rows that are not in the ledger yet (open segments) are seen by DuckDB only.

Nothing is fetched: Spark comes with the wheel `pyspark`, and needs Java 17 or newer. Driver and workers started by it listen on
one address, without web pages; a cluster of one's own is secured by its own configuration (docs/spark.md).
"""

import logging
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tosqauyl.errors import TosqauylError
from tosqauyl.ledger.columns import MASK_TYPE, PLACE, TABLES
from tosqauyl.ledger.dialect import to_spark
from tosqauyl.ledger.engine import Rows, recorded_columns, revision_of, table_sql
from tosqauyl.ledger.manifest import File, Manifest
from tosqauyl.ledger.store import Store
from tosqauyl.ledger.window import Window

TYPES = {
    "VARCHAR": "STRING",
    "BOOLEAN": "BOOLEAN",
    "BIGINT": "BIGINT",
    "INTEGER": "INT",
    "DOUBLE": "DOUBLE",
    MASK_TYPE: MASK_TYPE,
}
"""Spark's name of each column type."""

LOGGING = """\
rootLogger.level = error
logger.repl.name = org.apache.spark.api.python.PythonGatewayServer
logger.repl.level = error
rootLogger.appenderRef.console.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.target = SYSTEM_ERR
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = spark: %p %c{1}: %m%n
"""


@dataclass(frozen=True, slots=True)
class SparkMeans:
    """Where and with what a session works.

    address: that the driver listens on and gives to workers. memory: of each executor and of the driver, as Java writes it
    ("1g"). scratch: folder for what memory cannot hold, of the driver and of local[N]; a new one is made in it, and removed;
    None: among the ledger's drafts. settings: further settings of Spark, which come before ours.
    """

    address: str = "127.0.0.1"
    memory: str = "1g"
    scratch: Path | None = None
    settings: Mapping[str, str] = field(default_factory=dict)


class SparkEngine:
    """A Spark session over the files of the window; ended by close(). One at a time in a process."""

    name = "spark"
    has_hours = False

    def __init__(self, store: Store, window: Window | None, session: Any, ended: ExitStack) -> None:
        state = store.manifest()
        self.revision = revision_of(state)
        self.recorded = recorded_columns(state, window)
        self.counted = recorded_columns(state, window, "daily")
        self.session = session
        self._ended = ended
        self._groups = 0
        for table in TABLES:
            self._view(table, state, window, store.folder)

    def rows(self, sql: str) -> Rows:
        """The rows of a query as plain values. Raises TosqauylError where it cannot be translated or run."""
        translated = to_spark(sql)
        try:
            return [tuple(_plain(value) for value in row) for row in self.session.sql(translated).collect()]
        except _spark_error() as error:
            raise TosqauylError(f"the query cannot be run: {_first_line(error)}", "ledger") from error

    def close(self) -> None:
        """End the session, its Java process too, and remove its temporary files."""
        self._ended.close()

    def _view(self, table: str, state: Manifest, window: Window | None, folder: Path) -> None:
        """The view of a table: one view for the files that hold the same columns, all of them put together."""
        types = {column.name: TYPES[column.sql_type] for column in TABLES[table]}
        place = frozenset(column.name for column in PLACE)

        def source(files: list[File]) -> str:
            held = (files[0].recorded | files[0].derived | place) & types.keys()
            schema = ", ".join(f"`{name}` {kind}" for name, kind in types.items() if name in held)
            paths = [_path(folder / one.path) for one in files]
            self._groups += 1
            name = f"{table}_{self._groups}"
            reader = self.session.read.schema(schema).option("recursiveFileLookup", "true")
            reader.parquet(*paths).createOrReplaceTempView(name)
            return name

        files = state.of(table, *((window.first, window.end) if window else ()))
        try:
            self.session.sql(to_spark(table_sql(table, files, source))).createOrReplaceTempView(table)
        except _spark_error() as error:
            raise TosqauylError(f"Spark cannot read the ledger: {_first_line(error)}", str(folder)) from error


def spark_engine(
    store: Store, window: Window | None = None, master: str = "local[2]", means: SparkMeans = SparkMeans()
) -> SparkEngine:
    """The engine on Spark. master: `local[N]` for N threads here, or `spark://HOST:PORT` of a cluster.

    Raises TosqauylError where pyspark or Java is missing, the master cannot be reached, or a session is open already.
    """
    need_spark()
    with ExitStack() as ended:
        scratch = ended.enter_context(_scratch(means.scratch) if means.scratch else store.draft())
        session = _session(master, means, scratch.resolve())
        ended.callback(_stop)
        return SparkEngine(store, window, session, ended.pop_all())


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="spark-", dir=folder, ignore_cleanup_errors=True) as made:
        yield Path(made)


def need_spark() -> None:
    """Raise TosqauylError where pyspark or Java is not installed."""
    if find_spec("pyspark") is None:
        what = "the engine spark needs pyspark, which is not installed"
        raise TosqauylError(what, hint='python -m pip install "tosqauyl[spark]"')
    home = os.environ.get("JAVA_HOME")
    if shutil.which("java") is None and not (home and (Path(home) / "bin" / "java").exists()):
        what = "the engine spark needs Java 17 or newer, which is not installed"
        raise TosqauylError(what, hint="on Debian or Ubuntu, as root: apt-get install openjdk-17-jre-headless")


def _session(master: str, means: SparkMeans, scratch: Path) -> Any:
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    if SparkContext._active_spark_context is not None:
        raise TosqauylError("a Spark session is open in this process already", "spark", "close it first")
    logging.getLogger("SQLQueryContextLogger").disabled = True  # it prints whole stacks; the error says what is wrong
    builder = SparkSession.builder.master(master).appName("tosqauyl")
    for key, value in (_settings(means, scratch) | dict(means.settings)).items():
        builder = builder.config(key, value)
    try:
        return builder.getOrCreate()
    except _spark_error() as error:
        what = f"Spark cannot be started: {_first_line(error)}"
        _stop()  # afterwards the error cannot be read any more
        raise TosqauylError(what, master, "is the master running, and Java 17 or newer installed?") from error


def _settings(means: SparkMeans, scratch: Path) -> dict[str, str]:
    quiet = scratch / "log4j2.properties"
    quiet.write_text(LOGGING, encoding="utf-8")
    java = f'"-Dlog4j2.configurationFile={quiet.as_uri()}" "-Djava.io.tmpdir={scratch}" -XX:-UsePerfData'
    return {
        "spark.driver.bindAddress": means.address,
        "spark.driver.host": means.address,
        "spark.driver.memory": means.memory,
        "spark.executor.memory": means.memory,
        "spark.driver.extraJavaOptions": java,
        "spark.local.dir": str(scratch),
        "spark.sql.warehouse.dir": str(scratch / "warehouse"),
        "spark.sql.catalogImplementation": "in-memory",
        "spark.sql.artifact.isolation.enabled": "false",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.eventLog.enabled": "false",
        "spark.sql.ansi.enabled": "true",  # what does not fit is an error, not a NULL
        "spark.sql.variable.substitute": "false",  # a text with ${...} stays what it is
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.sources.parallelPartitionDiscovery.threshold": "100000",  # the manifest has named the files already
        "spark.sql.shuffle.partitions": "32",  # joined where small; of 66.9 million rows each fits into little memory
        "spark.sql.codegen.hugeMethodLimit": "8000",  # Java compiles no longer method: a policy's masks took 7 times as long
        "spark.scheduler.minRegisteredResourcesRatio": "1.0",  # all workers take part from the first task on
        "spark.scheduler.maxRegisteredResourcesWaitingTime": "20s",
    }


def _stop() -> None:
    """End the session of this process, and the Java process behind it by its own process id."""
    from pyspark import SparkContext

    context, gateway = SparkContext._active_spark_context, SparkContext._gateway
    with suppress(*_spark_error()):  # where Java ended by itself there is nobody to be told
        if context is not None:
            context.stop()
    SparkContext._active_spark_context = None
    if gateway is None:
        return
    process = getattr(gateway, "proc", None)
    with suppress(*_spark_error()):
        gateway.shutdown()
    if process is not None:
        process.stdin.close()  # it lives as long as this is open
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
    SparkContext._gateway = None
    SparkContext._jvm = None


def _plain(value: Any) -> Any:
    """A value as DuckDB gives it: whole decimals as int, others as float."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value


def _path(path: Path) -> str:
    """A file's address for Hadoop, which would take some signs for a pattern."""
    plain = str(path.resolve())
    return "file://" + "".join(f"\\{sign}" if sign in "\\*?[]{}" else sign for sign in plain)


def _spark_error() -> tuple[type[Exception], ...]:
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    return (PySparkException, Py4JError, RuntimeError, OSError)


def _first_line(error: Exception) -> str:
    """What is wrong; of an error of Java the line that says it."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    told = lines[1] if len(lines) > 1 and lines[0].startswith("An error occurred while calling") else lines[0]
    return told.removeprefix(": ")[:300]
