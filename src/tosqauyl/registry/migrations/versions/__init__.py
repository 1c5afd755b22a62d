"""One script for each step, in the order of their numbers. Write one: `python -m tosqauyl.registry.migrate --write NAME`."""
