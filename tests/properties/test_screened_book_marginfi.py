"""marginfi's screen lets the leader's book miss nobody: random groups of both versions, told in parts and in any order."""

import random
from collections.abc import Callable, Iterable

import pytest

from liquidation_engine.chain.words import ChainAccount
from liquidation_engine.runner.program_book import ProgramBook
from tests.differential import marginfi_new_states as new
from tests.differential import marginfi_states as old
from tests.differential.marginfi_accounts import PROGRAM


class Everybody(ProgramBook):
    """Judges everybody at every change."""

    def _suspected(self, otherwise: Iterable[str]) -> dict[str, None]:
        return dict.fromkeys(self._held)


@pytest.mark.parametrize("state", [old.state, new.state], ids=["0.1.1", "0.1.9"])
def test_a_screened_book_tells_what_one_that_judges_everybody_tells(state: Callable[[int], old.State]) -> None:
    found = 0
    for seed in range(1_000):
        world, rng = state(seed), random.Random(seed)
        accounts = [
            ChainAccount(address=str(address), owner=str(owner), lamports=10**10, data=data, slot=world.slot)
            for address, (owner, data) in world.accounts.items()
        ]
        rng.shuffle(accounts)
        screened, everybody = (
            kind("marginfi", str(PROGRAM), str(world.group), wall_seconds=lambda: world.time)  # noqa: B023
            for kind in (ProgramBook, Everybody)
        )
        for part in (accounts[::2], accounts[1::2], accounts[: len(accounts) // 2]):
            told = screened.apply(part), everybody.apply(part)
            assert set(told[0].crossed) == set(told[1].crossed), (seed, world.kind)
            assert set(told[0].recovered) == set(told[1].recovered), (seed, world.kind)
        found += len(everybody.liquidatable())
    assert found > 100
