"""A signed plan, written down before it is sent."""

from dataclasses import dataclass
from datetime import datetime

from liquidation_engine.model.plan import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedTransaction:
    """The exact bytes that go out, and what decides when they can no longer land."""

    signature: str
    transaction: bytes
    blockhash: str
    expires_above: int  # finalized block height
    compute_unit_limit: int
    compute_unit_price_micro_lamports: int
    fee_lamports: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """A row of `intents`."""

    id: int
    position: str
    fence: int
    candidate_id: str
    attempt: int  # counted from 0
    plan: Plan
    signed: SignedTransaction
    instance_id: str
    first_seen_at: datetime
    created_at: datetime
    accepted_at: datetime | None
