"""One worker over doubles that note their calls in one journal."""

from collections.abc import Iterable
from typing import Any

from liquidation_engine.execute.finisher import Finisher
from liquidation_engine.execute.plan import PlanPolicy
from liquidation_engine.execute.retry import BackOff
from liquidation_engine.execute.worker import Worker, WorkerPolicy
from liquidation_engine.model import Reading
from liquidation_engine.testing import (
    FakeChain,
    FakeLending,
    Journal,
    Lands,
    ManualClock,
    MemoryDatabase,
    MemoryLeases,
    RecordedStages,
)


class World:
    """A live worker, its market, chain and database. `policy` changes the worker's."""

    def __init__(
        self,
        readings: Iterable[Reading | Exception] = (),
        *,
        fates: Iterable[Lands] = (),
        lending: Any = None,
        **policy: Any,
    ) -> None:
        self.journal = Journal()
        self.clock = ManualClock()
        self.database = MemoryDatabase(clock=self.clock, journal=self.journal)
        self.chain = FakeChain(fates, journal=self.journal)
        self.lending = lending or FakeLending(readings)
        self.lending.journal = self.journal
        self.leases = MemoryLeases(self.journal)
        self.stages = RecordedStages()
        self.may_send = True
        self.finisher = Finisher(
            intents=self.database,
            chain=self.chain,
            lending=self.lending,
            stages=self.stages,
            clock=self.clock,
            may_send=lambda: self.may_send,
        )
        settings: dict[str, Any] = {
            "plan": PlanPolicy(min_profit_micro_usd=1_000),
            "back_off": BackOff(base_seconds=1.0, cap_seconds=60.0),
            "dry_run": False,
        }
        self.worker = Worker(
            instance_id="instance-1",
            guards=self.database,
            intents=self.database,
            failures=self.database,
            lending=self.lending,
            finisher=self.finisher,
            leases=self.leases,
            stages=self.stages,
            clock=self.clock,
            policy=WorkerPolicy(**(settings | policy)),
        )

    @property
    def endings(self) -> list[str]:
        """The names of how intents ended, in order."""
        return [type(closed.outcome).__name__ for closed in self.database.closed]
