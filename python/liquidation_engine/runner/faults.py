"""Faults on the engine's own side: those that every demo injects, so that what only the scanner recovers is exercised, and planned crashes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import orjson
import structlog

from liquidation_engine.errors import ConfigError
from liquidation_engine.stream import CandidateConsumer
from liquidation_engine.stream.consumer import Entry
from liquidation_engine.telemetry.stages import FAULT_VARIABLE, parse_fault

log = structlog.get_logger(__name__)

PLAN_VARIABLE = "LIQUIDATION_DEMO_FAULTS"
SETUP_VARIABLE = "LIQUIDATION_DEMO_SETUP"
EVERYBODY = "*"


class FaultPlan:
    """Where the instances of a demo end themselves: each start of an instance takes the next of its faults, later starts none.

    An instance that is named and is no part of every demo, such as `leader-2`, is started besides.
    """

    def __init__(self, faults: Mapping[str, Sequence[str]]) -> None:
        """Take `{instance: [fault point, ...]}`."""
        for spec in (spec for specs in faults.values() for spec in specs):
            parse_fault(spec)
        self._left = {name: list(specs) for name, specs in faults.items()}
        self.instances = tuple(faults)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read LIQUIDATION_DEMO_FAULTS, a JSON object; without it nothing fails."""
        text = environment.get(PLAN_VARIABLE) or "{}"
        try:
            faults = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise ConfigError(f"{PLAN_VARIABLE} is no JSON: {error}") from error
        if not isinstance(faults, dict) or not all(isinstance(specs, list) for specs in faults.values()):
            raise ConfigError(f'{PLAN_VARIABLE} is {text!r}, expected {{"worker-1": ["intent:after:5"]}}')
        return cls(faults)

    def next_start(self, name: str) -> dict[str, str]:
        """Return what the environment of the instance's next start says of faults."""
        specs = self._left.get(name)
        return {"FAULT_POINTS": "true", FAULT_VARIABLE: specs.pop(0)} if specs else {"FAULT_POINTS": "false"}


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoSetup:
    """What a fault test wants to be different about a demo's cluster."""

    endpoints: Sequence[str] = ("",)
    """Paths at which localnet serves the chain; the instances are given all of them."""
    move_slots: int = 90
    tail_slots: int = 55
    step_slots: int = 4
    audit_seconds: float = 300.0
    environment: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """By instance, `*` for all: settings that go before the demo's own."""
    until_final: bool = False
    """Wait at the end until everything that landed is finalized or taken back."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read LIQUIDATION_DEMO_SETUP, a JSON object of these fields; without it nothing is different."""
        text = environment.get(SETUP_VARIABLE) or "{}"
        try:
            return cls(**orjson.loads(text))
        except (orjson.JSONDecodeError, TypeError) as error:
            raise ConfigError(f"{SETUP_VARIABLE} cannot be followed: {error}") from error

    def urls(self, url: str) -> str:
        """Return the addresses of all endpoints of the server at `url`, as settings name several."""
        return ",".join(f"{url}/{name}".rstrip("/") for name in self.endpoints)

    def environment_of(self, name: str) -> dict[str, str]:
        """Return the settings that an instance is given besides."""
        return {**self.environment.get(EVERYBODY, {}), **self.environment.get(name, {})}


class LossyConsumer(CandidateConsumer):
    """Loses every n-th entry it is given out of the stream, as a trimmed or damaged stream would.

    What a scan published gets through: it is the recovery.
    """

    every = 1
    _given = 0

    async def read(self, count: int | None = None) -> list[Entry]:
        """Return all entries but the unlucky ones, which are gone from the stream for everybody."""
        kept = []
        for entry in await super().read(count):
            if entry.candidate.reason == "scan" or not self._unlucky():
                kept.append(entry)
                continue
            await self.remove(entry.stream_id)
            log.warning("Fault: stream entry lost", position=entry.candidate.position)
        return kept

    def _unlucky(self) -> bool:
        self._given += 1
        return self._given % self.every == 0
