"""The fixtures of another folder's conftest, for a conftest or a test of this one: `globals().update(fixtures_of("web"))`."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


def conftest_of(folder: str) -> ModuleType:
    """The conftest of a folder of tests, loaded once for all."""
    name = f"{folder}_fixtures"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).parents[1] / folder / "conftest.py")
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules[name]


def fixtures_of(folder: str) -> dict[str, Any]:
    """Its fixtures by name."""
    return {name: one for name, one in vars(conftest_of(folder)).items() if isinstance(one, _FIXTURE)}


_FIXTURE = type(pytest.fixture(lambda: None))
