"""The chain: takes transactions, runs them at the next slot in the order of their bids, and keeps what came of it.

`fork` undoes the last blocks that are not final yet: the chain goes on from the one below them, in slots that are still new.

A slot's life: `begin_slot` sets the clock and lets the scenario submit, `open` lines up what waits, `execute_some` runs
it, `end_slot` completes the block. Readers see complete blocks only. Simulations run on the VM's newest state, whatever
commitment they name: the VM has no older one.
"""

import time
from collections.abc import Callable
from typing import Any

from solders.account import Account
from solders.compute_budget import set_compute_unit_limit
from solders.hash import Hash
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.system_program import TransferParams, transfer
from solders.transaction import VersionedTransaction

from liquidation_engine.localnet.accounts import AccountVersion
from liquidation_engine.localnet.answers import RpcFault, invalid_params, preflight_failure, signature_failure
from liquidation_engine.localnet.blocks import Block, Commitment
from liquidation_engine.localnet.endpoints import MOST_LAG_SLOTS
from liquidation_engine.localnet.events import BlockMade, ChangedByHand, Event, Forked
from liquidation_engine.localnet.faults import Faults
from liquidation_engine.localnet.genesis import FAUCET_LAMPORTS, Genesis
from liquidation_engine.localnet.history import Balances, History, Landed, PriorityFees
from liquidation_engine.localnet.mempool import Mempool
from liquidation_engine.localnet.recording import Recording
from liquidation_engine.localnet.settings import LocalnetSettings
from liquidation_engine.localnet.simulation import Simulation
from liquidation_engine.localnet.state import State
from liquidation_engine.localnet.tokens import decimals_of, is_mint, mint_of
from liquidation_engine.localnet.transactions import MAX_BYTES, Decoded, Keys, UndecodableTransaction
from liquidation_engine.localnet.vm import Execution, Vm

NEVER_EXPIRES = 2**63 - 1
"""Stands for the last valid block height of a transaction on a durable nonce."""


class Chain:
    """One chain from its genesis on; it knows no wall clock and no socket: `Localnet` moves it."""

    def __init__(self, settings: LocalnetSettings) -> None:
        genesis = Genesis.of(settings)
        self.genesis_hash = genesis.hash
        self.blocks = genesis.blocks(settings)
        self.recording = Recording(settings.recording, genesis.recorded(settings))
        self.faults = Faults(settings.faults, self.recording, seed=settings.seed, first_slot=settings.first_slot)
        self.history = History()
        self.priority_fees = PriorityFees()
        self.vm = Vm()
        self.vm.begin_slot(settings.first_slot, self.blocks.latest.unix_time, self.blocks.latest)
        self.state = State(self.vm, self.recording, settings.first_slot)
        self.mempool = Mempool()
        self._landed_now: list[Landed] = []
        self._working_slot = settings.first_slot
        self._next_slot = settings.first_slot + 1
        self._scenario_turn = False
        self._block_is_recorded = False
        self._airdrops = 0
        self._scenario_payers: set[Pubkey] = set()
        self._listeners: list[Callable[[Event], None]] = []
        self._faucet = genesis.faucet()
        self.set_account(self._faucet.pubkey(), Account(FAUCET_LAMPORTS, b"", Pubkey.default(), False, 2**64 - 1))

    @property
    def slot(self) -> int:
        """The newest complete block's slot."""
        return self.blocks.latest.slot

    @property
    def block_height(self) -> int:
        """The newest complete block's height."""
        return self.blocks.latest.height

    @property
    def latest_blockhash(self) -> Hash:
        """The newest complete block's hash."""
        return self.blocks.latest.blockhash

    def listen(self, listener: Callable[[Event], None]) -> None:
        """Call `listener` with every event from now on."""
        self._listeners.append(listener)

    # Accounts and programs

    def add_program(self, program_id: Pubkey, elf: bytes) -> None:
        """Deploy a program."""
        self.vm.add_program(program_id, elf)
        self.recording.program(bytes(program_id), elf)

    def set_account(self, pubkey: Pubkey, account: Account) -> None:
        """Put an account on the chain by hand: before the first slot it is part of genesis, later a change like any."""
        self.state.set_by_hand(pubkey, account, self._working_slot)
        self._emit(ChangedByHand(pubkey, self._working_slot))

    def get_account(self, pubkey: Pubkey) -> Account | None:
        """Return the account as it is now."""
        version = self.state.newest(pubkey)
        return version.to_account() if version is not None and version.exists else None

    # Transactions

    def submit(self, raw: bytes, endpoint: str = "scenario", *, preflight: bool = False) -> str:
        """Take a transaction for the next slot and return its signature; raise `RpcFault` where a node would.

        One submitted by an `on_slot` callback runs in that very slot, before all others. Without preflight, one with
        false signatures or a blockhash that is not valid is taken and never runs, as on a node.
        """
        try:
            decoded = decode(raw)
        except RpcFault:
            self.recording.send(self._working_slot, "", raw, None, "invalid", endpoint)
            raise
        validity = self.last_valid_height(decoded)
        refusal: RpcFault | None = None
        verdict = self._verdict(decoded, validity)
        if preflight and (verdict != "duplicate" or decoded.signature in self.history):
            verdict, refusal = self._preflight(decoded, verdict)
        if verdict == "accepted" and endpoint != "scenario" and self._drops(decoded):
            verdict = "dropped"
        self.recording.send(self._working_slot, decoded.signature, raw, validity, verdict, endpoint)
        if refusal is not None:
            raise refusal
        if endpoint == "scenario":
            self._scenario_payers.add(decoded.payer)
        if verdict == "accepted":
            self.mempool.add(decoded, opens_slot=self._scenario_turn)
        return decoded.signature

    def simulate(self, decoded: Decoded, *, check_blockhash: bool = True) -> Simulation:
        """Run a transaction on the newest state and keep nothing."""
        keys = self.keys_of(decoded)
        if decoded.signature in self.history:
            return Simulation.refused("AlreadyProcessed", keys)
        if check_blockhash and self.last_valid_height(decoded) is None:
            return Simulation.refused("BlockhashNotFound", keys)
        return Simulation.of(self.vm.simulate(decoded), keys)

    def airdrop(self, pubkey: Pubkey, lamports: int) -> str:
        """Submit a transfer from the faucet and return its signature."""
        self._airdrops += 1
        unique = set_compute_unit_limit(
            10_000 + self._airdrops
        )  # equal airdrops in one slot are different transactions
        payer = self._faucet.pubkey()
        move = transfer(TransferParams(from_pubkey=payer, to_pubkey=pubkey, lamports=lamports))
        message = MessageV0.try_compile(payer, [unique, move], [], self.latest_blockhash)
        return self.submit(bytes(VersionedTransaction(message, [self._faucet])), "faucet")

    def keys_of(self, decoded: Decoded) -> Keys:
        """Return all accounts that the transaction names, those in lookup tables included."""

        def table_data(pubkey: Pubkey) -> bytes:
            version = self.state.newest(pubkey)
            return b"" if version is None else version.data

        return decoded.keys(table_data)

    def last_valid_height(self, decoded: Decoded) -> int | None:
        """Return the last block height that may hold the transaction, None if its blockhash is not valid now."""
        if self.blocks.is_valid(decoded.blockhash, self.block_height):
            return self.blocks.last_valid_height(decoded.blockhash)
        return NEVER_EXPIRES if self.vm.nonce_is_valid(decoded) else None

    def mark(self, kind: str, details: dict[str, Any]) -> None:
        """Record something the scenario did in this slot."""
        self.recording.mark(self._working_slot, kind, details)

    # Slots

    def begin_slot(self) -> int | None:
        """Begin the next slot and return it, or None if it is skipped; what is submitted until `open` runs first."""
        slot, self._next_slot = self._next_slot, self._next_slot + 1
        self._record_end_of_slot()
        if self.blocks.schedule.is_skipped(slot):
            return None
        self._working_slot = slot
        self.vm.begin_slot(slot, self.blocks.schedule.unix_time(slot), self.blocks.latest)
        self._landed_now = []
        self._scenario_turn = True
        return slot

    def open(self) -> None:
        """End the scenario's turn in this slot and line up everything that waits, by bid."""
        self._scenario_turn = False
        self.mempool.line_up()

    def execute_some(self, seconds: float) -> bool:
        """Run waiting transactions for about `seconds`; return whether some are left for this slot."""
        until = time.perf_counter() + seconds
        while (decoded := self.mempool.take()) is not None:
            self._execute(decoded)
            if time.perf_counter() >= until:
                break
        return self.mempool.lined_up > 0

    def end_slot(self) -> Block:
        """Complete the block: readers and subscribers see it now."""
        bids = [(one.decoded.unit_price, one.keys.writable_keys()) for one in self._landed_now]
        block = self.blocks.append(self._working_slot)
        self.priority_fees.add(block.slot, bids)
        self._block_is_recorded = False
        self._emit(BlockMade(block, self._landed_now))
        self.state.forget_before(self.blocks.seen_at(Commitment.FINALIZED).slot - MOST_LAG_SLOTS)
        return block

    def fork(self, depth: int, *, replay: bool = False) -> int:
        """Undo the last `depth` blocks and return the slot of the one that stays; ValueError if one of them is final.

        With `replay`, what they held waits for the next slot again, but for the scenario's own; without, it is gone until somebody
        sends it again.
        """
        undone = self.blocks.after(self.blocks.seen_at(Commitment.FINALIZED).slot, self.slot)
        if not 0 < depth <= len(undone):
            raise ValueError(f"cannot undo {depth} blocks: {len(undone)} are not final")
        self._record_end_of_slot()
        forked_slot, kept_slot = self.slot, self.blocks.parent_slot(undone[-depth].slot)
        self.recording.fork(forked_slot, kept_slot)
        self.blocks.leave(kept_slot)
        self.vm.leave(kept_slot)
        self.priority_fees.revert(kept_slot)
        reverted = self.state.revert(kept_slot)
        for landed in self.history.revert(kept_slot):
            if replay and landed.decoded.payer not in self._scenario_payers:
                self.mempool.add(landed.decoded, opens_slot=False)
        self._emit(Forked(kept_slot, reverted))
        return kept_slot

    def advance(self, blocks: int = 1) -> Block:
        """Make `blocks` blocks at once, passing over skipped slots; for use without a running `Localnet`."""
        for _ in range(blocks):
            while self.begin_slot() is None:
                pass
            self.open()
            while self.execute_some(1.0):
                pass
            self.end_slot()
        return self.blocks.latest

    def close(self) -> None:
        """End the recording."""
        self._record_end_of_slot()
        self.recording.close()

    # Within

    def _emit(self, event: Event) -> None:
        for listener in self._listeners:
            listener(event)

    def _record_end_of_slot(self) -> None:
        latest = self.blocks.latest
        self.state.record(latest.slot)
        if not self._block_is_recorded:
            self._block_is_recorded = True
            self.recording.end_slot(latest.slot, latest.height, latest.unix_time)

    def _drops(self, decoded: Decoded) -> bool:
        return self.faults.drops_send(self._working_slot, decoded.signature)

    def _verdict(self, decoded: Decoded, validity: int | None) -> str:
        if decoded.signature in self.history or decoded.signature in self.mempool:
            return "duplicate"
        return "accepted" if validity is not None and decoded.signatures_are_true() else "invalid"

    def _preflight(self, decoded: Decoded, verdict: str) -> tuple[str, RpcFault | None]:
        if not decoded.signatures_are_true():
            return "invalid", signature_failure()
        simulation = self.simulate(decoded)
        if simulation.error is None:
            return verdict, None
        refused = verdict if verdict in ("duplicate", "invalid") else "preflight"
        return refused, preflight_failure(simulation.error, simulation.to_json())

    def _execute(self, decoded: Decoded) -> None:
        if not self.blocks.is_valid(decoded.blockhash, self.block_height + 1) and not self.vm.nonce_is_valid(decoded):
            return  # expired while it waited: the network drops it without a trace
        keys = self.keys_of(decoded)
        before = [self.state.newest(key) for key in keys.all]
        outcome = self.vm.execute(decoded)
        if outcome.error is not None:
            if self.vm.lamports(decoded.payer) == (before[0].lamports if before[0] else 0):
                return  # it did not even pay its fee: no block holds it
            if decoded.nonce_account is not None:
                self.vm.advance_nonce(decoded.nonce_account)
        self.state.refresh([(keys.all[index], before[index]) for index in sorted(keys.writable)], self._working_slot)
        self._keep(decoded, keys, outcome, Balances.of(before))

    def _keep(self, decoded: Decoded, keys: Keys, outcome: Execution, before: Balances) -> None:
        after = Balances.of([self.state.newest(key) for key in keys.all])
        decimals = self._mint_decimals(before.token_accounts + after.token_accounts)
        landed = Landed(decoded, self._working_slot, keys, outcome.error, outcome.meta, before, after, decimals)
        units, position = outcome.meta.compute_units_consumed(), len(self._landed_now)
        self.recording.execution(
            self._working_slot, position, decoded.signature, outcome.error, landed.fee, units, decoded.raw
        )
        self.history.add(landed)
        self._landed_now.append(landed)

    def _mint_decimals(self, token_accounts: tuple[tuple[int, AccountVersion], ...]) -> dict[Pubkey, int]:
        mints = {mint_of(version) for _, version in token_accounts}
        found = ((mint, self.state.newest(mint)) for mint in mints)
        return {mint: decimals_of(version) for mint, version in found if version is not None and is_mint(version)}


def decode(raw: bytes) -> Decoded:
    """Decode a transaction as a node does, or raise its error."""
    if len(raw) > MAX_BYTES:
        raise invalid_params(
            f"decoded solana_transaction::versioned::VersionedTransaction too large: {len(raw)} bytes "
            f"(max: {MAX_BYTES} bytes)"
        )
    try:
        return Decoded.from_bytes(raw)
    except UndecodableTransaction as error:
        raise invalid_params(str(error)) from error
