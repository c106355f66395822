"""Faults that localnet injects: slow answers, dropped sends, lost notifications. Each one is recorded."""

import random
from collections.abc import Callable, Iterable

from liquidation_engine.localnet.recording import Recording
from liquidation_engine.localnet.settings import FaultSettings

LosePredicate = Callable[[str, str | None], bool]
NOTIFICATION_KINDS = frozenset({"account", "program", "signature", "slot", "logs", "root"})


class Faults:
    """The faults switched on now; all of them can be changed while the chain runs."""

    def __init__(self, settings: FaultSettings, recording: Recording, *, seed: int | None, first_slot: int) -> None:
        self.latency_milliseconds = 0
        self.dropped_sends = 0
        self.lost_notifications = 0
        self._recording = recording
        self._random = random.Random(seed)  # noqa: S311 - which send is lost is no secret
        self._sends_seen = 0
        self._notifications_seen = 0
        self._chosen: LosePredicate | None = None
        if settings.latency_milliseconds:
            self.set_latency(first_slot, settings.latency_milliseconds)
        self.drop_sends(every=settings.drop_every, probability=settings.drop_probability)
        self.lose_notifications(
            every=settings.lose_every, kinds=settings.lose_kinds, pubkeys=settings.lose_pubkeys or None
        )

    def set_latency(self, slot: int, milliseconds: int) -> None:
        """Let each answer and each notification wait for so long."""
        if milliseconds < 0:
            raise ValueError("latency must not be negative")
        self.latency_milliseconds = milliseconds
        self._recording.fault(slot, "latency", {"milliseconds": milliseconds})

    def drop_sends(self, *, every: int = 0, probability: float = 0.0) -> None:
        """Drop every n-th send, and each with a probability; both zero drops none."""
        if every < 0 or not 0.0 <= probability <= 1.0:
            raise ValueError("every must not be negative and probability lies between 0 and 1")
        self._drop_every, self._drop_probability = every, probability

    def lose_notifications(
        self,
        *,
        every: int = 0,
        kinds: Iterable[str] = ("account", "program"),
        pubkeys: Iterable[str] | None = None,
        predicate: LosePredicate | None = None,
    ) -> None:
        """Lose every n-th notification of `kinds` about `pubkeys` (None: about any account); 0 loses none.

        A `predicate` (kind, pubkey or None) chooses instead of the count when it is given.
        """
        self._kinds = frozenset(kinds)
        if unknown := self._kinds - NOTIFICATION_KINDS:
            raise ValueError(f"unknown kinds of notification {sorted(unknown)}, expected {sorted(NOTIFICATION_KINDS)}")
        if every < 0:
            raise ValueError("every must not be negative")
        self._lose_every, self._chosen = every, predicate
        self._pubkeys = None if pubkeys is None else frozenset(pubkeys)
        self._notifications_seen = 0

    def drops_send(self, slot: int, signature: str) -> bool:
        """Return whether this send is lost on its way to the leader, and record it."""
        self._sends_seen += 1
        dropped = self._drop_every > 0 and self._sends_seen % self._drop_every == 0
        if not dropped and self._drop_probability > 0:
            dropped = self._random.random() < self._drop_probability
        if dropped:
            self.dropped_sends += 1
            self._recording.fault(slot, "send_dropped", {"signature": signature})
        return dropped

    def loses_notification(self, slot: int, kind: str, pubkey: str | None) -> bool:
        """Return whether this notification is lost, and record it."""
        if not self._is_chosen(kind, pubkey):
            return False
        self.lost_notifications += 1
        self._recording.fault(slot, "notification_lost", {"kind": kind, "pubkey": pubkey})
        return True

    def _is_chosen(self, kind: str, pubkey: str | None) -> bool:
        if kind not in self._kinds:
            return False
        if self._chosen is not None:
            return self._chosen(kind, pubkey)
        if self._lose_every == 0 or (self._pubkeys is not None and pubkey not in self._pubkeys):
            return False
        self._notifications_seen += 1
        return self._notifications_seen % self._lose_every == 0
