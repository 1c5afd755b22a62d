"""The Makefile can be read by make where nothing is installed, and says clearly what is missing."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TARGETS = re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
PROMISED = {
    "setup", "demo", "run", "test", "test-compiled", "lint", "types", "check", "test-peers", "nightly", "bench", "reference", "docs", "clean",
}  # fmt: skip

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A folder with the Makefile and, beside it, a PATH that holds make and sh and nothing else."""
    (tmp_path / "bin").mkdir()
    for program in ("make", "sh"):
        (tmp_path / "bin" / program).symlink_to(str(shutil.which(program)))
    shutil.copy(ROOT / "Makefile", tmp_path)
    for folder in ("requirements", "scripts"):
        (tmp_path / folder).mkdir()
    for name in (
        "pyproject.toml",
        "setup.py",
        "scripts/rate_python.py",
        "requirements/dev.txt",
        "requirements/nightly.txt",
        "requirements/spark.txt",
    ):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # MAKEFLAGS of an outer `make test` must not leak in.
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS", "PYTHON"))}
    environment["PATH"] = str(folder / "bin")
    command = [str(folder / "bin" / "make"), *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_the_promised_targets_are_there() -> None:
    assert set(TARGETS) >= PROMISED


@pytest.mark.parametrize("target", sorted(PROMISED))
def test_dry_run_works_with_nothing_installed(bare: Path, target: str) -> None:
    done = make(bare, "-n", target)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout
    assert not (bare / ".venv").exists()


def test_programs_named_in_the_makefile_exist() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = re.findall(r"\b((?:bench|scripts|fuzz)/[a-z_]+\.py)\b", text)
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_setup_without_python_says_which_version_is_needed(bare: Path) -> None:
    done = make(bare, "setup", "PYTHONS=python3")
    assert done.returncode != 0
    assert "needs Python 3.11 or newer" in done.stderr


@pytest.mark.parametrize(
    ("old", "bare_python", "said"), [(1, 0, "needs Python 3.11"), (0, 1, "apt-get install python3-venv")]
)
def test_setup_names_what_the_python_lacks(bare: Path, old: int, bare_python: int, said: str) -> None:
    fake = bare / "bin" / "python3"
    fake.write_text(f'#!/bin/sh\ncase "$*" in *version_info*) exit {old};; *rate_python*) exit {bare_python};; esac\n')
    fake.chmod(0o755)
    done = make(bare, "setup", "PYTHONS=python3")
    assert done.returncode != 0
    assert said in done.stderr


def test_ci_script_calls_check_and_test_peers() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    assert "\nmake check\n" in script
    assert "\nmake test-peers\n" in script
    assert "set -euo pipefail" in script
