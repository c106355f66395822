"""What Kamino's program did is what Python's `predict` says: the recorded transactions of `tests/vectors/kamino.z`."""

from collections import Counter
from dataclasses import dataclass

from liquidation_engine import _core
from liquidation_engine.protocols import get
from liquidation_engine.protocols.adapter import Plan, Prediction
from tests.differential.kamino_vectors import Vector, read


@dataclass(frozen=True)
class Held:
    """An account as RPC libraries give it."""

    owner: bytes
    data: bytes
    lamports: int = 1


@dataclass(frozen=True)
class Now:
    """A clock as solders gives it."""

    slot: int
    unix_timestamp: int


def test_python_predicts_what_the_program_did() -> None:
    heading, vectors = read()
    assert "sha256=" in heading
    endings = Counter[bool]()
    for vector in vectors:
        said = _predicted(vector)
        assert said.error == vector.error
        assert (said.repaid, said.seized, said.seized_shares, said.protocol_fee) == vector.numbers
        assert {_core.from_base58(key): data for key, data in said.accounts_after.items()} == vector.after
        endings[vector.error is None] += 1
    assert endings.total() == 1_200
    assert min(endings.values()) >= 300


def _predicted(vector: Vector) -> Prediction:
    position, debt, collateral = (_core.to_base58(key) for key in vector.legs)
    amount, least = vector.amounts
    plan = Plan(
        position=position,
        debt_reserve=debt,
        collateral_reserve=collateral,
        amount=amount,
        min_received=least,
        version="1.7",
    )
    accounts = {_core.to_base58(key): Held(owner, data) for key, (owner, data) in vector.accounts.items()}
    return get("kamino").predict(accounts, Now(*vector.clock), plan)
