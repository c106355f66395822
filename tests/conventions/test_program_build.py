"""The committed program is the one that its sources make, and its IDL says what the code says."""

import json
import re
import shutil
from pathlib import Path

import pytest

from liquidation_engine.localnet import program
from liquidation_engine.localnet.program import checksums
from liquidation_engine.protocols.reference import ACCOUNT_FILTERS, PROGRAM_ID, REFUSALS, arguments

ROOT = Path(__file__).resolve().parents[2]
IDL = json.loads(program.idl_text())


def test_the_program_matches_its_sources() -> None:
    assert list(checksums.differences(ROOT)) == []


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a copy of everything that the checksums are about."""
    for path in checksums.sources(ROOT):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, tmp_path / path)
    shutil.copytree(checksums.HERE, tmp_path / "program")
    return tmp_path


@pytest.mark.parametrize("crate", checksums.CRATES)
def test_a_changed_source_is_noticed(copy: Path, crate: str) -> None:
    path = copy / crate / "src/lib.rs"
    path.write_text(path.read_text() + "\n")
    assert any("sources changed" in line for line in checksums.differences(copy, copy / "program"))


def test_a_new_source_is_noticed(copy: Path) -> None:
    (copy / "rust/lending-math/src/new.rs").write_text("")
    assert any("sources changed" in line for line in checksums.differences(copy, copy / "program"))


@pytest.mark.parametrize("name", ["reference_lending.so", "reference_lending.json"])
def test_a_changed_binary_or_idl_is_noticed(copy: Path, name: str) -> None:
    with (copy / "program" / name).open("ab") as file:
        file.write(b"\0")
    assert [line.split()[0] for line in checksums.differences(copy, copy / "program")] == [name]


def test_the_program_is_an_elf_for_sbpf_v0() -> None:
    binary = program.program_bytes()
    assert binary[:4] == b"\x7fELF"
    assert int.from_bytes(binary[18:20], "little") in (247, 263)  # EM_BPF, EM_SBPF
    assert int.from_bytes(binary[48:52], "little") == 0  # flags: version 0


def test_the_binary_carries_no_path_of_the_machine_it_was_built_on() -> None:
    assert re.findall(rb"/(?:home|root|work|opt|usr|tmp)/[\w/.-]+", program.program_bytes()) == []


def test_the_idl_names_every_instruction_with_its_discriminator_and_arguments() -> None:
    types = {"config": {"defined": {"name": "ReserveConfig"}}}
    described = {
        entry["name"]: (bytes(entry["discriminator"]), [(arg["name"], arg["type"]) for arg in entry["args"]])
        for entry in IDL["instructions"]
    }
    assert described == {
        name: (arguments.discriminator(name), [(argument, types.get(kind, kind)) for argument, kind in expected])
        for name, expected in arguments.ARGUMENTS.items()
    }


def test_the_idl_names_every_account_and_refusal() -> None:
    assert IDL["address"] == str(PROGRAM_ID)
    accounts = {entry["name"]: bytes(entry["discriminator"]) for entry in IDL["accounts"]}
    assert accounts == {name: kind.discriminator for name, kind in ACCOUNT_FILTERS.items()}
    assert {entry["code"]: entry["name"] for entry in IDL["errors"]} == REFUSALS


SIZES = {"u8": 1, "u16": 2, "u32": 4, "i32": 4, "u64": 8, "u128": 16, "pubkey": 32}


def _size(kind: object) -> int:
    if isinstance(kind, str):
        return SIZES[kind]
    assert isinstance(kind, dict)
    if "array" in kind:
        element, count = kind["array"]
        return _size(element) * int(count)
    return sum(_size(field["type"]) for field in _fields(kind["defined"]["name"]))


def _fields(name: str) -> list[dict[str, object]]:
    return next(entry["type"]["fields"] for entry in IDL["types"] if entry["name"] == name)


@pytest.mark.parametrize("name", ACCOUNT_FILTERS)
def test_the_idls_fields_fill_the_account(name: str) -> None:
    assert 8 + sum(_size(field["type"]) for field in _fields(name)) == ACCOUNT_FILTERS[name].size


def test_the_rust_names_and_codes_are_the_idls() -> None:
    source = (ROOT / "rust/lending-math/src/error.rs").read_text()
    assert {int(code): name for name, code in re.findall(r"^    (\w+) = (\d+),$", source, re.M)} == REFUSALS


def test_the_contract_lists_the_same_refusals() -> None:
    contract = (ROOT / "docs/reference-program.md").read_text()
    listed = {int(code): name for code, name in re.findall(r"\| (6\d{3}) \| (\w+)", contract)}
    assert listed == REFUSALS
