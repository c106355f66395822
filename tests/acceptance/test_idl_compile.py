"""The IDL compiler in an environment of its own, as its users have it."""

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
IDL = ROOT / "python" / "liquidation_engine" / "localnet" / "program" / "reference_lending.json"
EXAMPLE = ROOT / "examples" / "own-program"


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with what the extra [anchor] needs and nothing else."""
    folder = tmp_path_factory.mktemp("anchor")
    venv.create(folder, with_pip=True)
    made = folder / "bin" / "python"
    pinned = ROOT / "constraints-anchor.txt"
    needed = ["anchorpy", "typer", "rich", "numpy"]
    install = [made, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--constraint", pinned, *needed]
    subprocess.run(install, check=True, timeout=240)
    return made


def compiled(python: Path, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    """Run `liquidation-engine idl compile` from the sources."""
    command = [python, "-m", "liquidation_engine", "idl", "compile", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "python")}
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)


@pytest.mark.slow
def test_the_example_is_what_the_compiler_makes_of_the_idl(python: Path, tmp_path: Path) -> None:
    out = tmp_path / "layout.json"
    done = compiled(python, IDL, "--out", out)
    assert done.returncode == 0, done.stderr
    assert json.loads(out.read_text()) == json.loads((EXAMPLE / "reference_lending.layout.json").read_text())


@pytest.mark.slow
def test_a_legacy_idl_and_c_padding_are_understood(python: Path, tmp_path: Path) -> None:
    idl = json.loads(IDL.read_text())
    fields = [{"name": "small", "type": "u8"}, {"name": "big", "type": "u128"}, {"name": "last", "type": "u16"}]
    body = {"kind": "struct", "fields": fields}
    idl["types"].append({"name": "Pool", "serialization": "bytemuck", "repr": {"kind": "c"}, "type": body})
    idl["accounts"].append({"name": "Pool", "discriminator": [1] * 8})
    path = tmp_path / "idl.json"
    path.write_text(json.dumps(idl))
    done = compiled(python, path)
    laid = json.loads(done.stdout)["accounts"]["Pool"]["type"]["struct"]
    names = ["small", "_padding_1", "big", "last", "_padding_26"]
    assert [name for name, _ in laid] == names
    assert [laid[1][1], laid[4][1]] == [{"array": ["u8", 7]}, {"array": ["u8", 6]}]

    old = {
        "version": "0.1.0", "name": "old", "instructions": [{"name": "seizeIt", "accounts": [], "args": []}],
        "accounts": [{"name": "Vault", "type": {"kind": "struct", "fields": [{"name": "key", "type": "publicKey"}]}}],
    }  # fmt: skip
    path.write_text(json.dumps(old))
    assert "give it with --program" in compiled(python, path).stderr
    layout = json.loads(compiled(python, path, "--program", "11111111111111111111111111111111").stdout)
    assert layout["accounts"]["Vault"]["type"] == {"struct": [["key", "pubkey"]]}


@pytest.mark.slow
@pytest.mark.parametrize(("text", "message"), [("{", "no Anchor IDL"), ("{}", "without a list of instructions")])
def test_what_is_no_idl_is_refused_with_exit_code_2(python: Path, tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "idl.json"
    path.write_text(text)
    done = compiled(python, path)
    assert done.returncode == 2
    assert message in done.stderr


def test_without_anchorpy_the_next_step_is_said() -> None:
    done = compiled(Path(sys.executable), IDL)
    assert done.returncode == 2
    assert "liquidation-engine[anchor]" in done.stderr
