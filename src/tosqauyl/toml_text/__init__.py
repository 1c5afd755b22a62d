"""TOML that people write: read with bounds, every table and key with the line it stands in."""

from tosqauyl.toml_text.places import Place, Table, tables
from tosqauyl.toml_text.read import read_toml

__all__ = ["Place", "Table", "read_toml", "tables"]
