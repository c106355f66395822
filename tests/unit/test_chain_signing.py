"""Wallet files, the signer's policy, transactions that fit, and what they cost."""

import os
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from liquidation_engine.chain import (
    FeeLadder,
    FeePolicy,
    Signer,
    TransactionTooLarge,
    Wallet,
    allowed_programs,
    build_transaction,
    network_fee_lamports,
)
from liquidation_engine.chain.fees import percentile
from liquidation_engine.chain.signer import SYSTEM_PROGRAM
from liquidation_engine.errors import SigningRefused, WalletError

LENDING = Pubkey.from_string("Stake11111111111111111111111111111111111111")
BLOCKHASH = "EkSnNWid2cvwEVnVx9aBqawnmiCNiDgp3gUdkDPTKN1N"
KEY = Keypair()


def key_file(folder: Path, content: bytes | None = None, mode: int = 0o600) -> Path:
    path = folder / "key.json"
    path.write_bytes(orjson.dumps(list(KEY.to_bytes())) if content is None else content)
    path.chmod(mode)
    return path


def instruction(program: Pubkey = LENDING, *, data: int = 8, signer: Pubkey | None = None) -> Instruction:
    accounts = [AccountMeta(signer, is_signer=True, is_writable=True)] if signer else []
    return Instruction(program, bytes(data), accounts)


def signer(may_sign: bool = True, *, system: bool = False) -> Signer:
    return Signer(Wallet(KEY), allowed_programs(str(LENDING), system=system), lambda: may_sign)


def sign(one: Signer, *instructions: Instruction) -> VersionedTransaction:
    signed = one.sign(
        instructions,
        blockhash=BLOCKHASH,
        expires_above=400,
        compute_unit_limit=100_000,
        compute_unit_price_micro_lamports=1_000,
    )
    transaction = VersionedTransaction.from_bytes(signed.transaction)
    assert str(transaction.signatures[0]) == signed.signature
    return transaction


def test_a_private_key_file_becomes_a_wallet_that_never_shows_its_secret(tmp_path: Path) -> None:
    wallet = Wallet.from_file(key_file(tmp_path))
    assert wallet.pubkey == str(KEY.pubkey())
    assert repr(wallet) == f"Wallet({KEY.pubkey()})"


FOREIGN = orjson.dumps(list(KEY.to_bytes()[:32]) + [1] * 32)


@pytest.mark.parametrize(
    ("content", "mode", "why", "next_step"),
    [
        (None, 0o644, "its mode is 0644, expected 0600", "run: chmod 600 "),
        (None, 0o660, "its mode is 0660, expected 0600", "run: chmod 600 "),
        (b"{", 0o600, "it is not JSON", "JSON array of 64 numbers"),
        (b"{}", 0o600, "it is not a JSON array", "JSON array of 64 numbers"),
        (b"[1,2]", 0o600, "it has 2 numbers", "JSON array of 64 numbers"),
        (orjson.dumps([256] * 64), 0o600, "not a number from 0 to 255", "JSON array of 64 numbers"),
        (orjson.dumps([True] * 64), 0o600, "not a number from 0 to 255", "JSON array of 64 numbers"),
        (FOREIGN, 0o600, "its public half does not belong", "restore the file"),
    ],
)
def test_an_unusable_key_file_says_why_and_what_to_do(
    tmp_path: Path, content: bytes | None, mode: int, why: str, next_step: str
) -> None:
    path = key_file(tmp_path, content, mode)
    with pytest.raises(WalletError) as failure:
        Wallet.from_file(path)
    message = str(failure.value)
    assert message.startswith(f"Failed to read keypair file {path}: ")
    assert why in message
    assert "; " in message
    assert next_step in message


def test_a_missing_file_and_a_folder_and_a_pipe_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    for name, why in [("none", "there is no such file"), ("", "not a regular file"), ("pipe", "not a regular file")]:
        with pytest.raises(WalletError, match=rf"Failed to read keypair file .*: .*{why}; give the path"):
            Wallet.from_file(tmp_path / name)


def test_a_secret_may_come_as_base58_or_json_and_is_never_quoted_back() -> None:
    assert Wallet.from_secret(str(KEY)).pubkey == str(KEY.pubkey())
    assert Wallet.from_secret(orjson.dumps(list(KEY.to_bytes())).decode()).pubkey == str(KEY.pubkey())
    for secret in ("hunter2hunter2", "[9,9,9]", str(KEY)[:-4]):
        with pytest.raises(WalletError, match="LIQUIDATOR_PRIVATE_KEY") as failure:
            Wallet.from_secret(secret)
        assert secret not in str(failure.value)
        assert failure.value.__cause__ is None


def test_a_signed_transaction_is_valid_and_begins_with_its_compute_budget() -> None:
    transaction = sign(signer(), instruction())
    assert transaction.verify_with_results() == [True]
    programs = [transaction.message.account_keys[one.program_id_index] for one in transaction.message.instructions]
    budget = Pubkey.from_string("ComputeBudget111111111111111111111111111111")
    assert programs == [budget, budget, LENDING]


def test_a_foreign_program_is_refused_and_the_system_program_too_unless_asked_for() -> None:
    system = instruction(Pubkey.from_string(SYSTEM_PROGRAM))
    for refused in (instruction(Pubkey.new_unique()), system):
        with pytest.raises(SigningRefused, match="not on the signer's list"):
            sign(signer(), instruction(), refused)
    assert sign(signer(system=True), system)


def test_a_second_signature_an_empty_transaction_and_the_kill_switch_are_refused() -> None:
    with pytest.raises(SigningRefused, match="asks for signatures of"):
        sign(signer(), instruction(signer=Pubkey.new_unique()))
    with pytest.raises(SigningRefused, match="no instruction"):
        sign(signer())
    with pytest.raises(SigningRefused, match="kill switch"):
        sign(signer(may_sign=False), instruction())
    assert sign(signer(), instruction(signer=KEY.pubkey()))


def test_a_transaction_above_one_packet_is_refused_by_name() -> None:
    fits = build_transaction(str(KEY.pubkey()), [instruction(data=900)], BLOCKHASH, 100_000, 0)
    rest = 1232 - len(fits)
    assert len(build_transaction(str(KEY.pubkey()), [instruction(data=900 + rest)], BLOCKHASH, 100_000, 0)) == 1232
    with pytest.raises(TransactionTooLarge, match="1233 bytes, expected at most 1232"):
        build_transaction(str(KEY.pubkey()), [instruction(data=901 + rest)], BLOCKHASH, 100_000, 0)


@pytest.mark.parametrize(("attempt", "bid"), [(0, 1_000), (1, 2_000), (2, 3_000), (4_000, 2_000_000)])
def test_bid_climbs_by_its_base_and_stops_at_the_cap(attempt: int, bid: int) -> None:
    assert FeeLadder(base=1_000).bid(attempt) == bid


@pytest.mark.parametrize(
    ("limit", "price", "fee"), [(100_000, 1_000, 5_100), (1, 1, 5_001), (0, 0, 5_000), (200_001, 5, 5_002)]
)
def test_the_network_fee_rounds_the_priority_part_up(limit: int, price: int, fee: int) -> None:
    assert network_fee_lamports(limit, price) == fee


def test_the_price_follows_recent_fees_up_to_the_cap_and_never_falls_below_the_ladder() -> None:
    policy = FeePolicy(ladder=FeeLadder(base=1_000, cap=50_000))
    assert policy.price(0) == 1_000
    assert policy.price(1, [0, 0, 0, 10]) == 2_000
    assert policy.price(0, [100, 9_000, 9_500, 10_000]) == 9_500
    assert policy.price(0, [10**9] * 4) == 50_000


def test_the_compute_limit_adds_its_margin_between_floor_and_the_chains_maximum() -> None:
    policy = FeePolicy(ladder=FeeLadder(base=1))
    assert [policy.limit(units) for units in (0, 100_000, 100_001, 1_399_999)] == [20_000, 115_000, 115_002, 1_400_000]


@given(st.lists(st.integers(0, 10**9), min_size=1), st.integers(0, 10_000))
def test_the_percentile_is_a_fee_that_covers_its_share(fees: list[int], share_bps: int) -> None:
    fee = percentile(fees, share_bps)
    assert fee in fees
    assert sum(one <= fee for one in fees) * 10_000 >= share_bps * len(fees)
