"""A fork undoes the last blocks: state, history and hashes are as they were, and the chain goes on in new slots."""

import sqlite3
from pathlib import Path

import pytest

from liquidation_auditor.recording import Recording
from liquidation_engine.localnet import Chain
from liquidation_engine.localnet.answers import RpcFault
from localnet_kit import SOL, account, funded, key, payment, stepped


@pytest.fixture
def chain() -> Chain:
    chain = Chain(stepped(finalized_lag=6, skip_every=0))
    funded(chain, 1)
    chain.advance(10)
    return chain


def lamports(chain: Chain, number: int) -> int:
    found = chain.get_account(key(number).pubkey())
    return 0 if found is None else found.lamports


def test_what_happened_in_undone_blocks_never_happened(chain: Chain) -> None:
    before = chain.block_height
    signature = chain.submit(payment(chain, key(1), key(2).pubkey(), SOL))
    chain.advance(3)
    assert (lamports(chain, 2), signature in chain.history) == (SOL, True)
    assert chain.fork(3) == 1_010
    assert (lamports(chain, 2), signature in chain.history, chain.block_height) == (0, False, before)
    assert lamports(chain, 1) == 100 * SOL
    assert chain.vm.lamports(key(2).pubkey()) == 0
    assert chain.history.mentioning(key(1).pubkey(), chain.slot) == []


def test_the_chain_goes_on_in_slots_above_the_undone_ones(chain: Chain) -> None:
    undone = [chain.advance().blockhash for _ in range(3)]
    chain.fork(3)
    block = chain.advance()
    assert (block.slot, block.height) == (1_014, chain.blocks.by_slot(1_010).height + 1)  # type: ignore[union-attr]
    assert chain.blocks.by_slot(1_012) is None
    assert not any(chain.blocks.is_valid(blockhash, block.height) for blockhash in undone)


def test_an_undone_transaction_lands_again_when_it_is_sent_again(chain: Chain) -> None:
    raw = payment(chain, key(1), key(2).pubkey(), SOL)
    signature = chain.submit(raw)
    chain.advance(2)
    chain.fork(2)
    chain.advance()
    assert lamports(chain, 2) == 0
    assert chain.submit(raw) == signature
    chain.advance()
    assert lamports(chain, 2) == SOL


def test_a_replay_lands_what_was_undone_without_being_asked(chain: Chain) -> None:
    chain.submit(payment(chain, key(1), key(2).pubkey(), SOL), "rpc")
    chain.advance(2)
    chain.fork(2, replay=True)
    chain.advance()
    assert lamports(chain, 2) == SOL


def test_one_on_an_undone_blockhash_can_land_no_more(chain: Chain) -> None:
    chain.advance()
    raw = payment(chain, key(1), key(2).pubkey(), SOL)
    chain.fork(1)
    with pytest.raises(RpcFault, match="Blockhash not found"):
        chain.submit(raw, preflight=True)


def test_closed_changed_and_new_accounts_are_what_they_were(chain: Chain) -> None:
    owner = key(9).pubkey()
    chain.set_account(key(3).pubkey(), account(SOL, b"old", owner))
    chain.advance()
    chain.submit(payment(chain, key(1), key(4).pubkey(), SOL))
    chain.begin_slot()
    chain.set_account(key(3).pubkey(), account(SOL, b"new", key(8).pubkey()))
    chain.open()
    chain.execute_some(1.0)
    chain.end_slot()
    chain.fork(1)
    old = chain.get_account(key(3).pubkey())
    assert old is not None
    assert (bytes(old.data), old.owner) == (b"old", owner)
    assert [pubkey for pubkey, _ in chain.state.owned_at(owner, chain.slot)] == [key(3).pubkey()]
    assert list(chain.state.owned_at(key(8).pubkey(), chain.slot)) == []
    assert chain.get_account(key(4).pubkey()) is None


@pytest.mark.parametrize("depth", [0, 7])
def test_final_blocks_are_never_undone(chain: Chain, depth: int) -> None:
    with pytest.raises(ValueError, match="6 are not final"):
        chain.fork(depth)


def test_the_recording_says_so_and_the_auditor_leaves_out_what_was_undone(tmp_path: Path) -> None:
    path = tmp_path / "recording.sqlite"
    chain = Chain(stepped(recording=path, skip_every=0))
    funded(chain, 1)
    chain.advance()
    raw = payment(chain, key(1), key(2).pubkey(), SOL)
    signature = chain.submit(raw)
    chain.advance(2)
    chain.fork(2)
    chain.advance()
    chain.submit(raw)
    chain.advance()
    chain.close()
    with sqlite3.connect(path) as database:
        assert database.execute("SELECT slot, kept_slot FROM forks").fetchall() == [(1_003, 1_001)]
    with Recording(path) as recording:
        assert [(row.slot, row.block_height) for row in recording.slots()][1:] == [
            (1_001, 1_001),
            (1_004, 1_002),
            (1_005, 1_003),
        ]
        assert [(row.slot, row.signature) for row in recording.executions()] == [(1_005, signature)]
        [undone] = recording.undone_executions()
        assert undone.signature == signature
        paid = [row for row in recording.accounts() if row.pubkey == bytes(key(2).pubkey())]
        assert [row.slot for row in paid] == [1_005]
