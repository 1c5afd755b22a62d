"""What Alembic runs: the steps on the connection that `registry/migrate.py` gives, in its transaction."""

from alembic import context

from tosqauyl.registry.tables import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata)
context.run_migrations()
