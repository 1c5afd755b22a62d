"""Fixtures of the gate's tests."""

import desk as desks
import pytest


@pytest.fixture
def make_desk():
    """Makes a desk by options, see desk.make_desk."""
    return desks.make_desk


@pytest.fixture
def desk():
    """An enforcing gate that knows one subscriber abroad and all others at home."""
    return desks.make_desk()
