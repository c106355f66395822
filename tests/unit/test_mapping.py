"""A mapping says what is wrong and what would do; a layout reads what Borsh and C lay down."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from liquidation_engine.errors import ConfigError, DecodeError
from liquidation_engine.protocols.mapping import Layout, Mapping
from liquidation_engine.protocols.mapping.layout import pack
from liquidation_engine.protocols.mapping.legacy import discriminators, to_legacy, zero_copy
from liquidation_engine.protocols.mapping.sources import Source, parse_source

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "own-program"
EXAMPLE = (FOLDER / "mapping.toml").read_text()


def load(tmp_path: Path, text: str) -> Mapping:
    """Load a mapping beside the example's layout."""
    (tmp_path / "reference_lending.layout.json").write_text((FOLDER / "reference_lending.layout.json").read_text())
    path = tmp_path / "mapping.toml"
    path.write_text(text)
    return Mapping.load(path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            'owner = "owner"',
            'owner = "holder"',
            "found 'holder', but there is no 'holder' among layout, bump, leg_count",
        ),
        ('owner = "owner"', 'owner = "id"', "found 'id' of type u64, expected pubkey"),
        ('account = "Oracle"', 'account = "Feed"', "found 'Feed', expected one of InsuranceFund, Market, Oracle"),
        ('kind = "lending"', 'kind = "perps"', "found 'perps', expected one of lending, fixed-term, margined"),
        ('kind = "lending"', 'kind = "fixed-term"', "position: due is missing"),
        ('array = "legs"', 'array = "owner"', "found 'owner' of type pubkey, expected an array or a vec"),
        ("one = 1000000000000000000", "one = 0", "found 0, expected a number above 0"),
        ('slot = "slot"', 'slto = "slot"', "found slto, which no mapping has"),
        ('liquidator = "wallet"\n', "", "accounts: liquidator is missing"),
        ('liquidator = "wallet"', 'liquidator = "walet"', "found 'walet', expected one of collateral, debt"),
        ('"plan.amount"', '"plan.size"', "expected plan.amount or plan.min_received"),
        ('"ata(wallet, debt.mint)"', '"ata(wallet)"', "expected ata"),
        ('"ata(wallet, debt.mint)"', '"ata(wallet, debt.mint"', "found 'the end', expected"),
        ('instruction = "liquidate"', 'instruction = "seize"', "found 'seize', expected one of accrue"),
        (
            'layout = "reference_lending.layout.json"',
            'layout = "none.json"',
            "make it with liquidation-engine idl compile",
        ),
        ('name = "own-lending"', "name = 7", "name: found 7, expected a text"),
    ],
)
def test_a_wrong_entry_is_named_with_what_was_expected(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in EXAMPLE
    with pytest.raises(ConfigError) as raised:
        load(tmp_path, EXAMPLE.replace(old, new, 1))
    assert message in str(raised.value)


def test_sources_are_what_they_say() -> None:
    assert parse_source("debt.config.fee", "") == Source("field", "debt", "config.fee")
    assert parse_source('pda("vault", debt)', "").parts == (Source("text", "vault"), Source("field", "debt"))
    found = parse_source("find(Fund, mint = collateral.mint).vault", "")
    assert (found.call, found.head, found.path) == ("find", "Fund", "vault")
    assert parse_source(7, "") == Source("number", "7")


LAYOUT: dict[str, Any] = {
    "format": 1, "name": "all", "program": "11111111111111111111111111111111",
    "instructions": {}, "errors": {},
    "accounts": {"All": {"discriminator": "0102030405060708", "type": {"struct": [
        ["small", "u8"], ["_gap", {"array": ["u8", 3]}], ["signed", "i32"], ["yes", "bool"], ["key", "pubkey"],
        ["pairs", {"vec": {"struct": [["a", "u16"], ["b", "i128"]]}}], ["maybe", {"option": "u64"}],
        ["state", {"enum": [["Idle", []], ["Busy", [["since", "u64"]]]]}], ["name", "string"], ["raw", {"array": ["u8", 2]}],
    ]}}},
}  # fmt: skip
WHOLE = bytes.fromhex("0102030405060708") + b"".join(
    [b"\x07", b"\xff\xff\xff", (-5).to_bytes(4, "little", signed=True), b"\1", bytes(32)]
    + [(2).to_bytes(4, "little")]
    + [a.to_bytes(2, "little") + b.to_bytes(16, "little", signed=True) for a, b in ((1, -1), (2, 2**100))]
    + [
        b"\1",
        (9).to_bytes(8, "little"),
        b"\1",
        (3).to_bytes(8, "little"),
        (2).to_bytes(4, "little"),
        b"ok",
        b"\xab\xcd",
    ]
)


def test_every_type_is_read() -> None:
    assert Layout.from_json(LAYOUT).decode("All", WHOLE) == {
        "small": 7,
        "signed": -5,
        "yes": True,
        "key": "11111111111111111111111111111111",
        "pairs": [{"a": 1, "b": -1}, {"a": 2, "b": 2**100}],
        "maybe": 9,
        "state": {"Busy": {"since": 3}},
        "name": "ok",
        "raw": b"\xab\xcd",
    }


def test_no_bytes_make_it_fail_otherwise_than_by_saying_so() -> None:
    layout = Layout.from_json(LAYOUT)
    for length in range(len(WHOLE)):
        with pytest.raises(DecodeError):
            layout.decode("All", WHOLE[:length])
    for place in range(len(WHOLE)):
        for value in (0, 1, 127, 255):
            try:
                layout.decode("All", WHOLE[:place] + bytes([value]) + WHOLE[place + 1 :])
            except DecodeError:
                continue


@pytest.mark.parametrize(
    ("kind", "value"), [("u8", 256), ("u64", -1), ("i8", 200), ("pubkey", b"short"), ("string", "x")]
)
def test_an_argument_that_does_not_fit_is_refused(kind: str, value: object) -> None:
    with pytest.raises(ConfigError, match="argument amount"):
        pack(kind, value, "amount")


NEW: dict[str, Any] = {
    "address": "11111111111111111111111111111111",
    "metadata": {"name": "p", "version": "1.0.0", "spec": "0.1.0"},
    "instructions": [
        {
            "name": "seize_it",
            "discriminator": [1, 2, 3, 4, 5, 6, 7, 8],
            "accounts": [
                {"name": "who", "writable": True, "signer": True},
                {"name": "all", "accounts": [{"name": "x"}]},
            ],
            "args": [
                {"name": "key", "type": "pubkey"},
                {"name": "of", "type": {"option": {"defined": {"name": "Part"}}}},
            ],
        }
    ],
    "accounts": [{"name": "Pool", "discriminator": [8, 7, 6, 5, 4, 3, 2, 1]}],
    "types": [
        {
            "name": "Pool",
            "serialization": "bytemuck",
            "repr": {"kind": "c"},
            "type": {"kind": "struct", "fields": [{"name": "key", "type": "pubkey"}]},
        },
        {"name": "Part", "type": {"kind": "struct", "fields": ["u8", "u16"]}},
    ],
}


def test_a_new_idl_becomes_an_old_one() -> None:
    old = to_legacy(NEW)
    assert old["accounts"] == [
        {"name": "Pool", "type": {"kind": "struct", "fields": [{"name": "key", "type": "publicKey"}]}}
    ]
    (instruction,) = old["instructions"]
    assert instruction["accounts"][0] == {"name": "who", "isMut": True, "isSigner": True, "isOptional": False}
    assert instruction["args"][1]["type"] == {"option": {"defined": "Part"}}
    assert old["types"][0]["type"]["fields"] == [
        {"name": "field_0", "type": "u8"},
        {"name": "field_1", "type": "u16"},
    ]
    assert to_legacy(old) is old
    assert discriminators(NEW, "accounts") == {"Pool": bytes([8, 7, 6, 5, 4, 3, 2, 1])}
    assert discriminators({"instructions": [{"name": "seizeIt"}]}, "instructions")["seizeIt"].hex() == SEIZE_IT
    assert zero_copy(NEW) == {"Pool"}


SEIZE_IT = hashlib.sha256(b"global:seize_it").hexdigest()[:16]
