"""A read behind a node that lags is made at a node that does not, or not at all."""

from collections.abc import AsyncIterator

import pytest

from liquidation_engine.chain import RpcClient
from liquidation_engine.errors import MinContextSlotNotReached
from liquidation_engine.localnet import Localnet
from localnet_kit import SOL, funded, key, payment, stepped


@pytest.fixture
async def localnet() -> AsyncIterator[Localnet]:
    localnet = Localnet(stepped(skip_every=0))
    funded(localnet.chain, 1)
    async with localnet:
        yield localnet


async def test_a_position_is_never_read_before_its_last_settlement(localnet: Localnet) -> None:
    """The first endpoint lags 50 slots, and would show the state from before."""
    localnet.gateway.set_faults("a", lag_slots=50)
    await localnet.step(60)
    localnet.chain.submit(payment(localnet.chain, key(1), key(2).pubkey(), SOL), "rpc")
    settled_slot = await localnet.step()
    async with RpcClient([f"{localnet.url}/a", f"{localnet.url}/b"]) as rpc:
        slot, [account] = await rpc.accounts([str(key(2).pubkey())], min_context_slot=settled_slot)
        assert slot >= settled_slot
        assert account is not None
        assert account.lamports == SOL


async def test_where_every_node_lags_nothing_is_read(localnet: Localnet) -> None:
    localnet.gateway.set_faults("a", lag_slots=50)
    slot = await localnet.step(60)
    async with RpcClient([f"{localnet.url}/a"]) as rpc:
        with pytest.raises(MinContextSlotNotReached):
            await rpc.accounts([str(key(1).pubkey())], min_context_slot=slot)
