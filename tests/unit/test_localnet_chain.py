"""What localnet's chain promises about slots, fees, order and expiry, without a server."""

import pytest
from solders.address_lookup_table_account import AddressLookupTableAccount
from solders.hash import Hash
from solders.instruction import Instruction
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.system_program import (
    AdvanceNonceAccountParams,
    advance_nonce_account,
    create_nonce_account,
)
from solders.transaction import VersionedTransaction

from liquidation_engine.localnet import Chain
from liquidation_engine.localnet.answers import RpcFault
from liquidation_engine.localnet.blocks import Commitment
from liquidation_engine.localnet.vm import SYSVAR_OWNER
from localnet_kit import SOL, account, funded, key, pay, payment, signed, stepped

CLOCK = Pubkey.from_string("SysvarC1ock11111111111111111111111111111111")
LOOKUP_TABLE_PROGRAM = Pubkey.from_string("AddressLookupTab1e1111111111111111111111111")


@pytest.fixture
def chain() -> Chain:
    return Chain(stepped())


def lamports(chain: Chain, pubkey: Pubkey) -> int:
    found = chain.get_account(pubkey)
    return 0 if found is None else found.lamports


def test_every_twentieth_slot_is_skipped_so_that_height_falls_behind(chain: Chain) -> None:
    start = chain.slot - chain.block_height
    slots = [chain.advance().slot for _ in range(40)]
    assert slots == [slot for slot in range(1_001, 1_043) if slot not in (1_020, 1_040)]
    assert chain.slot - chain.block_height == start + 2


def test_the_clock_sysvar_moves_with_the_slot(chain: Chain) -> None:
    chain.advance(50)
    clock = chain.get_account(CLOCK)
    assert clock is not None
    assert clock.owner == SYSVAR_OWNER
    assert int.from_bytes(clock.data[:8], "little") == chain.slot
    assert int.from_bytes(clock.data[32:40], "little") == 1_700_000_000 + (chain.slot - 1_000) * 400 // 1_000


def test_a_transaction_runs_at_the_next_slot_and_not_before(chain: Chain) -> None:
    payer, to = funded(chain, 1), key(2).pubkey()
    chain.submit(payment(chain, payer, to, SOL))
    assert lamports(chain, to) == 0
    chain.advance()
    assert lamports(chain, to) == SOL


def test_higher_bids_run_first_and_equal_bids_in_the_order_of_arrival(chain: Chain) -> None:
    to = key(9).pubkey()
    bids = [5, None, 9_000, 5, 70]
    sent = [chain.submit(payment(chain, funded(chain, i + 1), to, SOL, bid)) for i, bid in enumerate(bids)]
    chain.advance()
    order = sorted(
        sent,
        key=lambda one: [landed.decoded.signature for landed in reversed(chain.history.mentioning(to, 2_000))].index(
            one
        ),
    )
    assert order == [sent[2], sent[4], sent[0], sent[3], sent[1]]


def test_the_scenario_goes_first_in_the_slot_it_submits_in(chain: Chain) -> None:
    rich, scenario, to = funded(chain, 1), funded(chain, 2), key(3).pubkey()
    bidder = chain.submit(payment(chain, rich, to, SOL, 1_000_000))
    assert chain.begin_slot() == 1_001
    price = chain.submit(payment(chain, scenario, to, SOL))
    chain.open()
    assert not chain.execute_some(1.0)
    assert chain.end_slot().slot == 1_001
    assert [one.decoded.signature for one in chain.history.mentioning(to, 1_001)] == [bidder, price]  # newest first


def test_the_fee_is_five_thousand_a_signature_and_the_bid_times_the_limit(chain: Chain) -> None:
    payer, to = funded(chain, 1), key(2).pubkey()
    signature = chain.submit(payment(chain, payer, to, SOL, 1_000_000))
    chain.advance()
    landed = chain.history.find(signature, chain.slot)
    assert landed is not None
    paid = 100 * SOL - lamports(chain, payer.pubkey()) - SOL
    # Two instructions, 3,000 compute units each for builtin programs, at one lamport a unit.
    assert paid == landed.fee == 5_000 + 6_000


def test_a_failed_transaction_lands_with_its_error_and_pays_its_fee(chain: Chain) -> None:
    payer, to = funded(chain, 1, SOL), key(2).pubkey()
    signature = chain.submit(payment(chain, payer, to, 2 * SOL))
    chain.advance()
    landed = chain.history.find(signature, chain.slot)
    assert landed is not None
    assert landed.error == {"InstructionError": [0, {"Custom": 1}]}
    assert lamports(chain, payer.pubkey()) == SOL - 5_000


def test_one_that_cannot_pay_its_fee_leaves_no_trace(chain: Chain) -> None:
    payer = funded(chain, 1, 4_000)
    signature = chain.submit(payment(chain, payer, key(2).pubkey(), 1))
    chain.advance()
    assert signature not in chain.history
    assert lamports(chain, payer.pubkey()) == 4_000


def test_a_transaction_runs_once_however_often_it_is_sent(chain: Chain) -> None:
    payer, to = funded(chain, 1), key(2).pubkey()
    raw = payment(chain, payer, to, SOL)
    for _ in range(3):
        chain.submit(raw)
        chain.submit(raw)
        chain.advance()
    assert lamports(chain, to) == SOL


def test_a_blockhash_lives_for_150_blocks_and_not_for_150_slots(chain: Chain) -> None:
    payer, to = funded(chain, 1), key(2).pubkey()
    made_at, raw = chain.block_height, payment(chain, payer, to, SOL)
    last_valid = chain.blocks.last_valid_height(chain.latest_blockhash)
    assert last_valid == made_at + 150
    chain.advance(149)
    assert chain.slot - 1_000 > 150
    chain.submit(raw)
    chain.advance()
    assert chain.block_height == last_valid
    assert lamports(chain, to) == SOL


def test_an_expired_transaction_is_dropped_without_a_trace(chain: Chain) -> None:
    payer, to = funded(chain, 1), key(2).pubkey()
    raw = payment(chain, payer, to, SOL)
    chain.advance(150)
    signature = chain.submit(raw)  # valid in the newest block, no longer in the one that would hold it
    chain.advance(3)
    assert signature not in chain.history
    assert lamports(chain, payer.pubkey()) == 100 * SOL
    with pytest.raises(RpcFault, match="Blockhash not found"):
        chain.submit(raw, preflight=True)


def test_a_blockhash_of_another_chain_is_not_valid(chain: Chain) -> None:
    other = Chain(stepped(seed=8))
    assert other.genesis_hash != chain.genesis_hash
    raw = payment(other, funded(chain, 1), key(2).pubkey(), 1)
    with pytest.raises(RpcFault, match="Blockhash not found"):
        chain.submit(raw, preflight=True)


def test_the_same_seed_gives_the_same_chain_and_no_seed_a_new_one() -> None:
    assert Chain(stepped()).advance(30).blockhash == Chain(stepped()).advance(30).blockhash
    assert Chain(stepped(seed=None)).genesis_hash != Chain(stepped(seed=None)).genesis_hash


def test_reads_at_each_commitment_see_the_state_of_their_slot() -> None:
    chain = Chain(stepped(confirmed_lag=2, finalized_lag=5, skip_every=0))
    pubkey = key(1).pubkey()
    for value in range(1, 31):
        chain.set_account(pubkey, account(value))
        chain.advance()
    # The value set in slot s is s - 999: set before the block after it.
    for commitment, lag in ((Commitment.PROCESSED, 0), (Commitment.CONFIRMED, 2), (Commitment.FINALIZED, 5)):
        seen = chain.blocks.seen_at(commitment).slot
        assert seen == chain.slot - lag
        version = chain.state.at(pubkey, seen)
        assert version is not None
        assert version.lamports == min(seen - 999, 30)


def test_a_closed_account_is_gone_at_each_commitment_in_its_turn() -> None:
    chain = Chain(stepped(confirmed_lag=1, finalized_lag=3, skip_every=0))
    owner, pubkey = key(5).pubkey(), key(1).pubkey()
    chain.set_account(pubkey, account(SOL, b"x", owner))
    chain.advance(5)
    chain.set_account(pubkey, account(0))
    closed_in = chain.slot
    chain.advance(2)
    assert not list(chain.state.owned_at(owner, chain.slot))
    assert [one for one, _ in chain.state.owned_at(owner, closed_in - 1)] == [pubkey]
    chain.advance(3)
    assert not list(chain.state.owned_at(owner, chain.blocks.seen_at(Commitment.FINALIZED).slot))
    assert chain.get_account(pubkey) is None


def test_a_program_that_loses_an_account_loses_it_from_its_list(chain: Chain) -> None:
    first, second, pubkey = key(5).pubkey(), key(6).pubkey(), key(1).pubkey()
    chain.set_account(pubkey, account(SOL, b"x", first))
    chain.set_account(pubkey, account(SOL, b"x", second))
    assert not list(chain.state.owned_at(first, chain.slot))
    assert [one for one, _ in chain.state.owned_at(second, chain.slot)] == [pubkey]


def nonce_of(chain: Chain, pubkey: Pubkey) -> Hash:
    found = chain.get_account(pubkey)
    assert found is not None
    return Hash(bytes(found.data)[40:72])


def on_nonce(chain: Chain, nonce: Pubkey, instruction: Instruction) -> bytes:
    payer = key(1)
    advance = advance_nonce_account(AdvanceNonceAccountParams(nonce_pubkey=nonce, authorized_pubkey=payer.pubkey()))
    return bytes(signed(payer, [advance, instruction], nonce_of(chain, nonce)))


def make_nonce(chain: Chain) -> Pubkey:
    payer, nonce = funded(chain, 1), key(77)
    instructions = create_nonce_account(payer.pubkey(), nonce.pubkey(), payer.pubkey(), SOL)
    chain.submit(bytes(signed(payer, instructions, chain.latest_blockhash, nonce)))
    chain.advance(200)
    return nonce.pubkey()


def test_a_transaction_on_a_durable_nonce_outlives_the_window(chain: Chain) -> None:
    nonce, to = make_nonce(chain), key(2).pubkey()
    raw = on_nonce(chain, nonce, pay(key(1), to, SOL))
    chain.advance(200)
    chain.submit(raw, preflight=True)
    chain.advance()
    assert lamports(chain, to) == SOL


def test_a_failed_transaction_uses_up_its_nonce(chain: Chain) -> None:
    nonce, to = make_nonce(chain), key(2).pubkey()
    former = nonce_of(chain, nonce)
    doomed, other = on_nonce(chain, nonce, pay(key(1), to, 10**6 * SOL)), on_nonce(chain, nonce, pay(key(1), to, SOL))
    signature = chain.submit(doomed)
    chain.advance()
    landed = chain.history.find(signature, chain.slot)
    assert landed is not None
    assert landed.error == {"InstructionError": [1, {"Custom": 1}]}
    assert nonce_of(chain, nonce) != former
    assert chain.submit(other) not in chain.history
    chain.advance()
    assert lamports(chain, to) == 0


def test_of_two_on_one_nonce_only_the_higher_bid_lands(chain: Chain) -> None:
    nonce, to = make_nonce(chain), key(2).pubkey()
    first = on_nonce(chain, nonce, pay(key(1), to, SOL))
    second = on_nonce(chain, nonce, pay(key(1), to, 2 * SOL))
    signatures = [chain.submit(first), chain.submit(second)]
    chain.advance(2)
    assert [signature in chain.history for signature in signatures] == [True, False]


def test_accounts_from_lookup_tables_are_followed_like_all_others(chain: Chain) -> None:
    payer, to, table = funded(chain, 1), key(2).pubkey(), key(3).pubkey()
    header = (1).to_bytes(4, "little") + b"\xff" * 8 + bytes(8) + b"\0" + b"\0" + bytes(32) + bytes(2)
    chain.set_account(table, account(SOL, header + bytes(to), LOOKUP_TABLE_PROGRAM))
    chain.advance()
    lookup = AddressLookupTableAccount(table, [to])
    message = MessageV0.try_compile(payer.pubkey(), [pay(payer, to, SOL)], [lookup], chain.latest_blockhash)
    assert to not in message.account_keys
    signature = chain.submit(bytes(VersionedTransaction(message, [payer])), preflight=True)
    chain.advance()
    landed = chain.history.find(signature, chain.slot)
    assert landed is not None
    assert landed.keys.loaded() == ([to], [])
    assert landed.after.lamports[landed.keys.all.index(to)] == SOL
    assert lamports(chain, to) == SOL


def test_recent_fees_are_what_each_block_took_at_the_least(chain: Chain) -> None:
    to, other = key(8).pubkey(), key(9).pubkey()
    for index, (receiver, bid) in enumerate([(to, 500), (to, 900), (other, 20)]):
        chain.submit(payment(chain, funded(chain, index + 1), receiver, SOL, bid))
    chain.advance(2)
    assert chain.priority_fees.recent([], chain.slot) == [(1_001, 20), (1_002, 0)]
    assert chain.priority_fees.recent([to], chain.slot) == [(1_001, 500), (1_002, 0)]
    assert chain.priority_fees.recent([to, other], chain.slot) == [(1_001, 500), (1_002, 0)]


def test_airdrops_come_from_the_faucet_and_equal_ones_both_land(chain: Chain) -> None:
    to = key(2).pubkey()
    assert chain.airdrop(to, SOL) != chain.airdrop(to, SOL)
    chain.advance()
    assert lamports(chain, to) == 2 * SOL
