"""Base58, token amounts, filters and parameters as real nodes have them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from solders.pubkey import Pubkey
from solders.signature import Signature

from liquidation_engine.localnet import Chain
from liquidation_engine.localnet.accounts import AccountVersion
from liquidation_engine.localnet.answers import RpcFault, describe
from liquidation_engine.localnet.encode import base58, from_base58
from liquidation_engine.localnet.params import Filters, Params
from liquidation_engine.localnet.tokens import ui_amount
from localnet_kit import stepped


@given(st.binary(min_size=32, max_size=32))
def test_base58_is_the_one_of_addresses(data: bytes) -> None:
    assert base58(data) == str(Pubkey(data))
    assert from_base58(base58(data)) == data


@given(st.binary(min_size=64, max_size=64))
def test_base58_is_the_one_of_signatures(data: bytes) -> None:
    assert base58(data) == str(Signature(data))


@pytest.mark.parametrize(
    ("amount", "decimals", "text"),
    [(0, 6, "0"), (1, 6, "0.000001"), (1_500_000, 6, "1.5"), (42, 0, "42"), (100, 0, "100"), (10**9, 9, "1")],
)
def test_token_amounts_are_shown_without_rounding(amount: int, decimals: int, text: str) -> None:
    assert ui_amount(amount, decimals)["uiAmountString"] == text


@pytest.mark.parametrize(
    ("filters", "matches"),
    [
        ([], True),
        ([{"dataSize": 8}], True),
        ([{"dataSize": 9}], False),
        ([{"memcmp": {"offset": 2, "bytes": base58(b"cd")}}], True),
        ([{"memcmp": {"offset": 2, "bytes": "Y2Q=", "encoding": "base64"}}], True),
        ([{"memcmp": {"offset": 2, "bytes": [99, 100]}}], True),
        ([{"memcmp": {"offset": 3, "bytes": base58(b"cd")}}], False),
        ([{"memcmp": {"offset": 7, "bytes": base58(b"hh")}}], False),
        ([{"dataSize": 8}, {"memcmp": {"offset": 0, "bytes": base58(b"x")}}], False),
    ],
)
def test_filters_must_all_hold(filters: list[Any], matches: bool) -> None:
    version = AccountVersion(1, 1, Pubkey.default(), b"abcdefgh", False)
    assert Filters.of(filters).match(version) is matches


@pytest.mark.parametrize(
    "filters", [[{"unknown": 1}], [{"dataSize": -1}], [{"memcmp": {"offset": 0, "bytes": "0OIl"}}], [{"memcmp": {}}]]
)
def test_filters_that_make_no_sense_are_refused(filters: list[Any]) -> None:
    with pytest.raises(RpcFault) as caught:
        Filters.of(filters)
    assert caught.value.code == -32602


@pytest.mark.parametrize(
    "config", [{"commitment": "sure"}, {"minContextSlot": "1"}, {"encoding": "hex"}, {"dataSlice": 3}]
)
def test_configurations_that_make_no_sense_are_refused(config: dict[str, Any]) -> None:
    read = Params([config]).config(0)

    def read_all() -> None:
        read.block(Chain(stepped()).blocks)
        read.encoding("base64")
        read.data_slice()

    with pytest.raises(RpcFault) as caught:
        read_all()
    assert caught.value.code == -32602


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        ("BlockhashNotFound", "Blockhash not found"),
        ({"InstructionError": [2, {"Custom": 6_000}]}, "Error processing Instruction 2: custom program error: 0x1770"),
        (
            {"InstructionError": [0, "MissingRequiredSignature"]},
            "Error processing Instruction 0: missing required signature for instruction",
        ),
        (
            {"InsufficientFundsForRent": {"account_index": 1}},
            "Transaction results in an account (1) with insufficient funds for rent",
        ),
    ],
)
def test_errors_are_told_in_the_sentences_of_real_nodes(error: Any, sentence: str) -> None:
    assert describe(error) == sentence
