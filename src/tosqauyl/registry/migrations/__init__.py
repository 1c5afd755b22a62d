"""The history of the tables, by Alembic: `env.py` is run by it, `versions` holds a script for each step."""
