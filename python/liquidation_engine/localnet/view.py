"""The chain as one endpoint shows it: behind by the endpoint's lag, and with its lies about transactions."""

from solders.hash import Hash
from solders.pubkey import Pubkey

from liquidation_engine.localnet.blocks import Block, Blocks, Commitment, Schedule
from liquidation_engine.localnet.chain import Chain
from liquidation_engine.localnet.endpoints import EndpointFaults
from liquidation_engine.localnet.history import History, Landed
from liquidation_engine.localnet.simulation import Simulation
from liquidation_engine.localnet.transactions import Decoded


class BlocksView:
    """The blocks that an endpoint has heard of."""

    def __init__(self, blocks: Blocks, faults: EndpointFaults) -> None:
        self._blocks, self._faults = blocks, faults

    @property
    def schedule(self) -> Schedule:
        """When slots have blocks."""
        return self._blocks.schedule

    @property
    def window(self) -> int:
        """How many blocks a blockhash lives."""
        return self._blocks.window

    @property
    def latest(self) -> Block:
        """The newest block known here."""
        return self._blocks.seen_at(Commitment.PROCESSED, behind=self._faults.lag_slots)

    def seen_at(self, commitment: Commitment) -> Block:
        """Return the newest block that `commitment` sees here."""
        return self._blocks.seen_at(commitment, behind=self._faults.lag_slots)

    def by_slot(self, slot: int) -> Block | None:
        """Return the block of `slot`, None where it was skipped or is not known here yet."""
        return self._blocks.by_slot(slot) if slot <= self.latest.slot else None

    def after(self, slot: int, up_to: int) -> list[Block]:
        """Return the blocks of the slots in (slot, up_to]."""
        return self._blocks.after(slot, up_to)

    def parent_slot(self, slot: int) -> int:
        """Return the slot of the block below the one of `slot`."""
        return self._blocks.parent_slot(slot)

    def is_valid(self, blockhash: Hash, height: int) -> bool:
        """Return whether a block at `height` may hold a transaction with `blockhash`."""
        return self._blocks.is_valid(blockhash, height)


class HistoryView:
    """The transactions that an endpoint admits to."""

    def __init__(self, history: History, faults: EndpointFaults) -> None:
        self._history, self._faults = history, faults

    def __contains__(self, signature: str) -> bool:
        return signature in self._history

    def __len__(self) -> int:
        return len(self._history)

    def find(self, signature: str, seen_slot: int) -> Landed | None:
        """Return the transaction if it landed in `seen_slot` or before, and the endpoint does not deny it."""
        return None if self._faults.denies_landed else self._history.find(signature, seen_slot)

    def mentioning(self, pubkey: Pubkey, seen_slot: int) -> list[Landed]:
        """Return the transactions that name `pubkey`, newest first."""
        return [] if self._faults.denies_landed else self._history.mentioning(pubkey, seen_slot)


class ChainView:
    """What an endpoint's methods work on. Sends reach the chain itself, and simulations run on its newest state."""

    def __init__(self, chain: Chain, name: str = "") -> None:
        self.name = name
        self.faults = EndpointFaults()
        self.chain = chain
        self.blocks = BlocksView(chain.blocks, self.faults)
        self.history = HistoryView(chain.history, self.faults)
        self.state, self.vm, self.priority_fees = chain.state, chain.vm, chain.priority_fees
        self.genesis_hash = chain.genesis_hash

    @property
    def slot(self) -> int:
        """The newest block's slot."""
        return self.blocks.latest.slot

    def submit(self, raw: bytes, *, preflight: bool) -> str:
        """Take a transaction for the next slot."""
        return self.chain.submit(raw, f"rpc/{self.name}" if self.name else "rpc", preflight=preflight)

    def simulate(self, decoded: Decoded, *, check_blockhash: bool = True) -> Simulation:
        """Run a transaction and keep nothing."""
        return self.chain.simulate(decoded, check_blockhash=check_blockhash)

    def last_valid_height(self, decoded: Decoded) -> int | None:
        """Return the last block height that may hold the transaction, None if its blockhash is not valid now."""
        return self.chain.last_valid_height(decoded)
