"""A chain in memory: bytes land at most once, and a block passes with every look that finds nothing."""

from collections.abc import Iterable, Sequence
from enum import Enum

from liquidation_engine.errors import RpcTimeout
from liquidation_engine.execute.ports import Executed, NotExecuted
from liquidation_engine.model import TransactionRecord
from liquidation_engine.testing.builders import landed_record
from liquidation_engine.testing.journal import Journal

FAILED = {"InstructionError": [2, {"Custom": 6012}]}


class Lands(Enum):
    """What becomes of bytes that are sent for the first time."""

    WELL = "executed without error"
    FAILED = "executed with an error"
    NEVER = "accepted and lost, whatever is sent again"
    SECOND = "lost once; lands when it is sent again"
    REFUSED = "refused by the node, and yet executed"


class FakeChain:
    """Takes bytes that are their signature's text, as `builders.signed` makes them. `fates` are for one signature after the other."""

    def __init__(
        self,
        fates: Iterable[Lands] = (),
        *,
        height: int = 1_000,
        blocks_a_look: int = 40,
        journal: Journal | None = None,
    ) -> None:
        self.fates = list(fates)
        self.height, self.blocks_a_look = height, blocks_a_look
        self.journal = Journal() if journal is None else journal
        self.sent: list[bytes] = []
        self.executed: dict[str, TransactionRecord] = {}
        self.silent_looks = 0  # so many looks at a status end in a timeout
        self._lost: dict[str, Lands] = {}

    async def send(self, transaction: bytes) -> str:
        """Take the bytes; what comes of them the next fate says, `WELL` where none is left."""
        self.journal.append("send")
        signature = transaction.decode()
        first = transaction not in self.sent
        self.sent.append(transaction)
        if not first:
            if self._lost.get(signature) is Lands.SECOND:
                self.execute(signature)
            return signature
        fate = self.fates.pop(0) if self.fates else Lands.WELL
        if fate in (Lands.NEVER, Lands.SECOND):
            self._lost[signature] = fate
        else:
            self.execute(signature, FAILED if fate is Lands.FAILED else None)
        if fate is Lands.REFUSED:
            raise RpcTimeout("no answer to sendTransaction")
        return signature

    def execute(self, signature: str, error: object | None = None) -> None:
        """Let a transaction land, unless it has or can no more."""
        changes = {} if error is None else {"error": error, "token_balances": ()}
        self.executed.setdefault(signature, landed_record(signature, **changes))

    async def wait(self, signature: str, *, expires_above: int, timeout_seconds: float) -> Executed | None:
        """Return the execution, or None after some blocks."""
        self.journal.append("wait")
        if self.silent_looks > 0:
            self.silent_looks -= 1
            raise RpcTimeout("no answer to getSignatureStatuses")
        if signature not in self.executed:
            self.height += self.blocks_a_look
        return self._execution(signature)

    async def fate(self, signature: str, *, expires_above: int) -> Executed | NotExecuted:
        """Say whether it landed, may land, or can land no more."""
        self.journal.append("fate")
        executed = self._execution(signature)
        if executed is not None:
            return executed
        return NotExecuted.CANNOT_LAND if self.height > expires_above else NotExecuted.MAY_LAND

    async def record(self, signature: str) -> TransactionRecord | None:
        """Return what an executed transaction did."""
        self.journal.append("record")
        return self.executed.get(signature)

    async def all_known(self, signatures: Sequence[str]) -> bool:
        """Tell whether all of them were executed, and not forgotten by the test."""
        return all(signature in self.executed for signature in signatures)

    def _execution(self, signature: str) -> Executed | None:
        record = self.executed.get(signature)
        return None if record is None else Executed(record.slot, record.error)
