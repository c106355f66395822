"""What the worker's chain makes of a node's answers about transactions that had been confirmed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from chain_node import FakeNode, NodeError, with_context
from liquidation_engine.chain import Confirmer, RpcClient
from liquidation_engine.errors import RpcRefused
from liquidation_engine.execute.finality import Seen
from liquidation_engine.runner.workers import RpcChain


@asynccontextmanager
async def chain(**answers: Any) -> AsyncIterator[tuple[FakeNode, RpcChain]]:
    async with FakeNode(**answers) as node, RpcClient([node.url]) as rpc, Confirmer(rpc, None) as confirmer:
        yield node, RpcChain(rpc, confirmer)


def status(slot: int, commitment: str) -> dict[str, Any]:
    return {"slot": slot, "confirmations": None, "err": None, "confirmationStatus": commitment}


async def test_only_finalized_is_final_and_the_whole_history_is_asked() -> None:
    found = [status(80, "finalized"), status(81, "confirmed"), None]
    async with chain(getSignatureStatuses=lambda _: with_context(found)) as (node, asked):
        assert await asked.seen(["a", "b", "c"]) == [Seen(80, finalized=True), Seen(81, finalized=False), None]
    [(_, params)] = node.calls
    assert params == [["a", "b", "c"], {"searchTransactionHistory": True}]


@pytest.mark.parametrize(("slot", "remembered"), [(99, False), (100, True), (101, True)])
async def test_node_remembers_from_its_first_block_on(slot: int, remembered: bool) -> None:
    async with chain(getFirstAvailableBlock=lambda _: 100) as (_, asked):
        assert await asked.remembers(slot) is remembered


async def test_node_that_does_not_say_how_far_it_remembers_proves_nothing() -> None:
    def unknown(_: list[Any]) -> Any:
        raise NodeError(-32601, "Method not found")

    async with chain(getFirstAvailableBlock=unknown) as (_, asked):
        with pytest.raises(RpcRefused):
            await asked.remembers(1)
