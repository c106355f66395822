"""The wheel alone: the library with nothing but numpy, the migrations and the program's binary inside."""

import json
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from example_outputs import WATCH

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow

MUST_CARRY = (
    "liquidation_engine/database/migrations/0001_initial.sql",
    "liquidation_engine/database/queries.sql",
    "liquidation_engine/localnet/program/reference_lending.so",
    "liquidation_engine/localnet/program/reference_lending.json",
    "liquidation_engine/stream/scripts/publish.lua",
    "liquidation_engine/cluster/scripts/acquire.lua",
    "liquidation_engine/py.typed",
    "liquidation_auditor/__main__.py",
)
LIBRARY = """
import sys
from liquidation_engine import PositionBook
book = PositionBook.for_market("reference", bytes(32), bytes(32))
assert len(book) == 0
heavy = {"redis", "asyncpg", "solana", "solders", "pydantic", "fastapi", "structlog", "typer"} & set(sys.modules)
assert not heavy, heavy
"""


def run(*command: str | Path, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    outside = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**outside, **environment},
        capture_output=True,
        text=True,
        timeout=240,
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    maturin = shutil.which("maturin", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    assert maturin is not None, "maturin is a development dependency"
    out = tmp_path_factory.mktemp("wheel")
    built = run(maturin, "build", "--release", "--locked", "--quiet", "--out", out, cwd=ROOT)
    assert built.returncode == 0, built.stderr
    return next(out.glob("*.whl"))


@pytest.fixture(scope="module")
def empty_environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=True)
    constraints = ("--constraint", ROOT / "constraints.txt")
    done = run(folder / "bin" / "python", "-m", "pip", "install", "--quiet", *constraints, wheel, cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


def test_the_wheel_carries_all_it_needs_and_nothing_beside_its_packages(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert set(MUST_CARRY) <= set(names)
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"liquidation_engine", "liquidation_auditor"}


def test_the_library_needs_numpy_alone(empty_environment: Path, tmp_path: Path) -> None:
    done = run(empty_environment / "bin" / "python", "-c", LIBRARY, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_the_example_bot_runs_with_numpy_alone(empty_environment: Path, tmp_path: Path) -> None:
    python = empty_environment / "bin" / "python"
    listed = run(python, "-m", "pip", "list", "--format", "json", cwd=tmp_path)
    installed = {package["name"].lower() for package in json.loads(listed.stdout)}
    assert installed - {"pip", "setuptools"} == {"numpy", "liquidation-engine"}
    done = run(python, ROOT / "examples" / "watch.py", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == WATCH


def test_the_command_without_its_extra_says_what_to_install(empty_environment: Path, tmp_path: Path) -> None:
    done = run(empty_environment / "bin" / "liquidation-engine", "demo", cwd=tmp_path)
    assert done.returncode == 2
    assert "pip install 'liquidation-engine[run,localnet]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_migrate_runs_from_the_installed_wheel_in_an_empty_folder(
    wheel: Path, empty_postgres_url: str, tmp_path: Path
) -> None:
    package = tmp_path / "package"
    zipfile.ZipFile(wheel).extractall(package)
    empty = tmp_path / "empty"
    empty.mkdir()
    for expected in ("applied: 0001_initial.sql", "the schema is up to date"):
        done = run(
            sys.executable,
            "-m",
            "liquidation_engine",
            "migrate",
            cwd=empty,
            PYTHONPATH=str(package),
            DATABASE_URL=empty_postgres_url,
        )
        assert done.returncode == 0, done.stderr
        assert expected in done.stdout
