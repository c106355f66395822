"""What a scenario is told."""

from dataclasses import dataclass

from liquidation_engine.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioSettings:
    """A scenario's name, size, seed and length."""

    name: str
    positions: int = 1000
    seed: int = 7
    slot_milliseconds: int = 400
    lead_slots: int = 5
    """Slots from `Scenario.start` to the first price step."""
    move_slots: int = 90
    """Slots over which prices move."""
    step_slots: int = 4
    """Slots from one price step to the next, one more or less."""
    tail_slots: int = 55
    """Slots after the last move, in which everything can be finished."""

    def __post_init__(self) -> None:
        if self.positions < 2:
            raise ConfigError(
                f"a scenario of {self.positions} positions has nobody to lend and to borrow; ask for 2 or more"
            )
        if min(self.lead_slots, self.move_slots, self.tail_slots, self.step_slots - 1) < 1:
            raise ConfigError("a scenario's lead, moves and tail last at least one slot each, a step two")
