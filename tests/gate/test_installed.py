"""`make test-compiled` means it: the modules under test are the installed ones."""

import os
from pathlib import Path

from tosqauyl.sip import message


def test_the_modules_under_test_are_the_ones_that_were_asked_for():
    sources = Path(__file__).parents[2] / "src"
    assert (sources in Path(message.__file__).parents) == (os.environ.get("TOSQAUYL_INSTALLED") != "1")
