"""The auditor's reading of bytes: accounts, token accounts, transactions with lookup tables."""

import ast
from pathlib import Path

import pytest
from solders.address_lookup_table_account import AddressLookupTableAccount
from solders.hash import Hash
from solders.instruction import AccountMeta, Instruction
from solders.message import MessageV0
from solders.signature import Signature
from solders.transaction import VersionedTransaction

from auditor_builder import PROGRAM, TOKEN_PROGRAM, WALLET, named, token_data, usual_town
from liquidation_auditor.decode import (
    LIQUIDATE,
    Position,
    TokenAccount,
    from_base58,
    lending_account,
    liquidated_position,
    token_account,
    transaction,
)
from liquidation_auditor.errors import BadInput


def test_an_account_of_another_size_layout_or_kind_is_none() -> None:
    data = usual_town().borrowers[0].data()
    assert isinstance(lending_account(data), Position)
    assert lending_account(data[:-1]) is None
    assert lending_account(data[:8] + b"\x02" + data[9:]) is None
    assert lending_account(bytes(488)) is None


def test_a_token_account_counts_only_when_the_token_program_owns_it_and_it_is_initialised() -> None:
    data = token_data(named("mint"), WALLET, 77)
    assert token_account(bytes(TOKEN_PROGRAM), data) == TokenAccount(bytes(named("mint")), bytes(WALLET), 77)
    assert token_account(bytes(PROGRAM), data) is None
    assert token_account(bytes(TOKEN_PROGRAM), data[:108] + b"\0" + data[109:]) is None
    assert token_account(bytes(TOKEN_PROGRAM), data[:82]) is None


def test_accounts_named_through_a_lookup_table_are_found() -> None:
    position, market = named("position"), named("market")
    metas = [AccountMeta(WALLET, True, True), AccountMeta(market, False, False), AccountMeta(position, False, True)]
    table = AddressLookupTableAccount(named("table"), [named("other"), market, position])
    message = MessageV0.try_compile(
        WALLET, [Instruction(PROGRAM, LIQUIDATE + bytes(24), metas)], [table], Hash.default()
    )
    assert position not in message.account_keys
    raw = bytes(VersionedTransaction.populate(message, [Signature.default()]))
    stored = {bytes(table.key): bytes(56) + b"".join(bytes(key) for key in table.addresses)}
    read = transaction(raw, stored.get)
    assert read.signers == (bytes(WALLET),)
    assert liquidated_position(read.instructions[0], bytes(PROGRAM)) == bytes(position)


def test_what_is_no_transaction_or_address_is_bad_input() -> None:
    with pytest.raises(BadInput, match="no transaction"):
        transaction(b"\xff" * 10, lambda _: None)
    with pytest.raises(BadInput, match="--wallet 'x' is no address"):
        from_base58("x", "--wallet")


def test_the_auditor_imports_nothing_of_the_engine() -> None:
    folder = Path(__file__).parents[2] / "python/liquidation_auditor"
    imported = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {name.name.split(".")[0] for name in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add((node.module or "").split(".")[0])
    assert "liquidation_auditor" in imported
    assert "liquidation_engine" not in imported
