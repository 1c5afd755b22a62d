"""Tables made and brought up to date by Alembic; its steps are in registry/migrations/versions and come with the package.

A change of the tables needs a step:

    python -m tosqauyl.registry.migrate --write NAME       from what the steps make to what the models say
    python -m tosqauyl.registry.migrate --baseline         the first step anew, from nothing: only before a first release

It writes the script, `ruff format` lays it out, a person reads it.
"""

import argparse
import re
from pathlib import Path

from alembic import command
from alembic.autogenerate import produce_migrations, render_python_code
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.operations.ops import DowngradeOps, UpgradeOps
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, insert, inspect, select, text

from tosqauyl.errors import TosqauylError
from tosqauyl.registry.actor import CENTRE
from tosqauyl.registry.audit import GENESIS
from tosqauyl.registry.tables import AuditHead, Base, ListHead, Organisation

FOLDER = Path(__file__).with_name("migrations")
_NAME = re.compile(r"[a-z][a-z0-9_]{2,40}")
_SCRIPT = '''"""{title}"""

import sqlalchemy as sa
from alembic import op

revision = {revision!r}
down_revision = {before!r}
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the step."""
    {up}


def downgrade() -> None:
    """Take it back."""
    {down}
'''


def create(engine: Engine, list_id: str, now: int = 0) -> None:
    """Make all tables, or bring them up to date, in one transaction; and the rows that there must be one of.

    list_id: 32 hex digits, for a database that has no list yet; now: milliseconds. Raises TosqauylError where the tables
    are of a later version.
    """
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            connection.execute(text("BEGIN IMMEDIATE"))
        if _revision(connection) not in {None, *_known()}:
            raise TosqauylError("the database is of a later version of Tosqauyl", hint="upgrade Tosqauyl")
        if _revision(connection) is None and inspect(connection).has_table(Organisation.__tablename__):
            raise TosqauylError(
                "the database has tables of ours that no migration made", hint="begin with an empty one"
            )
        command.upgrade(_config(connection), "head")
        _put(connection, list_id, now)


def is_current(engine: Engine) -> bool:
    """Whether the tables are of this version. Raises the database's errors."""
    with engine.connect() as connection:
        return _revision(connection) == newest()


def newest() -> str:
    """The last step of this version."""
    return str(ScriptDirectory(str(FOLDER)).get_current_head())


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _known() -> set[str]:
    return {script.revision for script in ScriptDirectory(str(FOLDER)).walk_revisions()}


def _config(connection: Connection) -> Config:
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    return config


def _put(connection: Connection, list_id: str, now: int) -> None:
    if connection.execute(select(AuditHead.id)).first() is None:
        connection.execute(insert(AuditHead).values(id=1, seq=0, hash=GENESIS))
    if connection.execute(select(ListHead.id)).first() is None:
        connection.execute(insert(ListHead).values(id=1, list=list_id, seq=0))
    if connection.execute(select(Organisation.id).where(Organisation.id == CENTRE)).first() is None:
        connection.execute(insert(Organisation).values(id=CENTRE, kind="centre", name="Centre", created=now))


def write(name: str, folder: Path = FOLDER, baseline: bool = False) -> Path:
    """Write the step from what the steps so far make (with `baseline`: from nothing) to what the models say; its file.

    Raises TosqauylError where there is nothing to do.
    """
    if not _NAME.fullmatch(name):
        raise TosqauylError(f"{name!r} is no name", hint="small letters, digits and _")
    before = None if baseline else newest()
    revision = f"{int(before or 0) + 1:04}"
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        if not baseline:
            command.upgrade(_config(connection), "head")
        context = MigrationContext.configure(connection, opts={"target_metadata": Base.metadata})
        made = produce_migrations(context, Base.metadata)
    if made.upgrade_ops is None or made.downgrade_ops is None or made.upgrade_ops.is_empty():
        raise TosqauylError("the tables are as the models say: there is nothing to write")
    up, down = (_rendered(one, context) for one in (made.upgrade_ops, made.downgrade_ops))
    path = folder / "versions" / f"v{revision}_{name}.py"
    title = f"{name.replace('_', ' ').capitalize()}. Written by registry/migrate.py."
    path.write_text(_SCRIPT.format(title=title, revision=revision, before=before, up=up, down=down), encoding="utf-8")
    return path


def _rendered(made: UpgradeOps | DowngradeOps, context: MigrationContext) -> str:
    lines = render_python_code(made, migration_context=context).splitlines()
    return "\n".join(line for line in lines if "# ###" not in line).strip()


def main(arguments: list[str] | None = None) -> int:
    """The script of a maintainer."""
    parser = argparse.ArgumentParser(prog="python -m tosqauyl.registry.migrate", description=__doc__)
    chosen = parser.add_mutually_exclusive_group(required=True)
    chosen.add_argument("--write", metavar="NAME")
    chosen.add_argument("--baseline", action="store_true")
    options = parser.parse_args(arguments)
    print(write(options.write or "baseline", baseline=options.baseline))  # noqa: T201
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
