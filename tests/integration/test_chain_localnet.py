"""The chain's door against a real VM over real sockets: land, fail, expire, reconnect, lag, time out."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from liquidation_engine.chain import (
    AccountUpdate,
    BlockhashCache,
    CannotLand,
    Confirmer,
    Executed,
    NotYet,
    Reconnected,
    RpcClient,
    Signer,
    StillPossible,
    Wallet,
    account_updates,
    allowed_programs,
    build_transaction,
    program_updates,
    slots,
)
from liquidation_engine.errors import MinContextSlotNotReached, RpcRefused, RpcTimeout
from liquidation_engine.localnet import Localnet, LocalnetSettings
from liquidation_engine.localnet.scenarios import Scenario, ScenarioSettings
from liquidation_engine.model import SignedTransaction
from liquidation_engine.protocols.reference import ACCOUNT_FILTERS, TOKEN_PROGRAM_ID, OracleAccount


class Bench:
    """A stepped localnet with a funded wallet, and everything the engine has to talk to it."""

    def __init__(self, localnet: Localnet, scenario: Scenario, wallet: Wallet, rpc: RpcClient) -> None:
        self.localnet, self.scenario, self.wallet, self.rpc = localnet, scenario, wallet, rpc
        self.cache = BlockhashCache(rpc)
        self.signer = Signer(wallet, allowed_programs(str(scenario.program_id)), lambda: True)
        self.usdc = next(info for info in scenario.mints if info.symbol == "USDC")

    def transfer(self, amount: int) -> Instruction:
        """Return an SPL transfer from the wallet's USDC to everybody else's."""
        accounts = [
            AccountMeta(self.usdc.liquidator_tokens, False, True),
            AccountMeta(self.usdc.circulation, False, True),
            AccountMeta(Pubkey.from_string(self.wallet.pubkey), True, False),
        ]
        return Instruction(TOKEN_PROGRAM_ID, bytes([3]) + amount.to_bytes(8, "little"), accounts)

    async def sign(self, amount: int, price: int = 10_000) -> SignedTransaction:
        await self.cache.refresh()
        current = self.cache.current()
        return self.signer.sign(
            [self.transfer(amount)],
            blockhash=current.blockhash,
            expires_above=current.expires_above,
            compute_unit_limit=20_000,
            compute_unit_price_micro_lamports=price,
        )


@asynccontextmanager
async def bench(*, timeout_seconds: float = 5.0) -> AsyncIterator[Bench]:
    wallet = Wallet(Keypair())
    settings = ScenarioSettings(name="calm", positions=20)
    scenario = Scenario.build(settings, liquidator=Pubkey.from_string(wallet.pubkey))
    localnet = Localnet(LocalnetSettings(stepped=True, seed=1))
    scenario.install(localnet.chain)
    async with localnet, RpcClient([localnet.url], timeout_seconds=timeout_seconds) as rpc:
        await localnet.step(3)  # so that the confirmed block is one of ours
        yield Bench(localnet, scenario, wallet, rpc)


async def test_a_transaction_lands_is_confirmed_and_its_record_tells_every_balance() -> None:
    async with bench() as one, Confirmer(one.rpc, one.localnet.ws_url) as confirmer:
        signed = await one.sign(7_000_000)
        assert await one.rpc.send(signed.transaction) == signed.signature
        assert await one.rpc.signature_status(signed.signature) is None  # sending is not executing
        waiting = asyncio.create_task(confirmer.wait(signed.signature, expires_above=signed.expires_above))
        await one.localnet.step(3)
        executed = await asyncio.wait_for(waiting, 5)
        assert isinstance(executed, Executed)
        assert executed.error is None
        record = await one.rpc.transaction(signed.signature)
    assert record is not None
    assert record.error is None
    assert record.slot <= executed.slot
    assert record.fee_lamports == signed.fee_lamports == 5_200
    assert record.addresses[0] == one.wallet.pubkey
    assert record.lamports_before[0] - record.lamports_after[0] == signed.fee_lamports
    moved = {balance.address: balance.after - balance.before for balance in record.token_balances}
    assert moved == {str(one.usdc.liquidator_tokens): -7_000_000, str(one.usdc.circulation): 7_000_000}
    assert {balance.mint for balance in record.token_balances} == {str(one.usdc.mint)}


async def test_polling_alone_confirms_and_a_transaction_that_fails_has_its_error_and_its_fee() -> None:
    async with bench() as one, Confirmer(one.rpc, None) as confirmer:
        signed = await one.sign(2**60)
        waiting = asyncio.create_task(
            confirmer.wait(signed.signature, expires_above=signed.expires_above, poll_seconds=0.02)
        )
        await one.rpc.send(signed.transaction)
        await one.localnet.step(3)
        executed = await asyncio.wait_for(waiting, 5)
        record = await one.rpc.transaction(signed.signature)
    assert isinstance(executed, Executed)
    assert executed.error == {"InstructionError": [2, {"Custom": 1}]}  # insufficient funds, says SPL Token
    assert record is not None
    assert record.error == executed.error
    assert record.slot == executed.slot
    assert record.fee_lamports == signed.fee_lamports


async def test_a_simulation_foretells_units_and_errors_without_a_signature() -> None:
    async with bench() as one:
        blockhash = "11111111111111111111111111111111"
        good = build_transaction(one.wallet.pubkey, [one.transfer(5)], blockhash, 200_000, 0)
        done = await one.rpc.simulate(good, replace_blockhash=True, accounts=[str(one.usdc.circulation)])
        before = await one.rpc.account(str(one.usdc.circulation))
        bad = build_transaction(one.wallet.pubkey, [one.transfer(2**60)], blockhash, 200_000, 0)
        failed = await one.rpc.simulate(bad, replace_blockhash=True)
        stale = await one.rpc.simulate(good)
    assert done.error is None
    assert 0 < done.units < 20_000
    assert before is not None
    (after,) = done.accounts
    assert after is not None
    amounts = [int.from_bytes(one.data[64:72], "little") for one in (before, after)]
    assert amounts[1] - amounts[0] == 5
    assert failed.error == {"InstructionError": [1, {"Custom": 1}]}
    assert stale.error == "BlockhashNotFound"


async def test_a_dropped_send_may_land_until_its_height_is_final_and_never_after() -> None:
    async with bench() as one, Confirmer(one.rpc, one.localnet.ws_url) as confirmer:
        one.localnet.faults.drop_sends(every=1)
        signed = await one.sign(1)
        assert await one.rpc.send(signed.transaction) == signed.signature  # it says it was accepted
        await one.localnet.step(150)
        height = await one.rpc.block_height("finalized")
        while height < signed.expires_above:
            await one.localnet.step()
            height = await one.rpc.block_height("finalized")
        fate = await one.rpc.fate(signed.signature, expires_above=signed.expires_above)
        assert fate == StillPossible(signed.expires_above)
        answer = await confirmer.wait(
            signed.signature, expires_above=signed.expires_above, poll_seconds=0.02, timeout_seconds=0.3
        )
        assert isinstance(answer, NotYet)
        assert not answer.expired(signed.expires_above)
        await one.localnet.step(2)
        answer = await confirmer.wait(
            signed.signature, expires_above=signed.expires_above, poll_seconds=0.02, timeout_seconds=5
        )
        assert isinstance(answer, NotYet)
        assert answer.expired(signed.expires_above)
        fate = await one.rpc.fate(signed.signature, expires_above=signed.expires_above)
        assert isinstance(fate, CannotLand)
        assert fate.finalized_height > signed.expires_above


async def test_the_same_bytes_sent_again_land_once() -> None:
    async with bench() as one:
        one.localnet.faults.drop_sends(every=1)
        signed = await one.sign(9)
        await one.rpc.send(signed.transaction)
        await one.localnet.step(2)
        one.localnet.faults.drop_sends(every=0)
        for _ in range(3):
            assert await one.rpc.send(signed.transaction) == signed.signature
        await one.localnet.step(3)
        record = await one.rpc.transaction(signed.signature)
        account = await one.rpc.account(str(one.usdc.circulation))
    assert record is not None
    assert account is not None
    circulation = one.scenario.balances["USDC"].circulation
    assert int.from_bytes(account.data[64:72], "little") == circulation + 9


async def test_preflight_refuses_what_cannot_run_with_the_nodes_own_reason() -> None:
    async with bench() as one:
        signed = await one.sign(2**60)
        with pytest.raises(RpcRefused) as refused:
            await one.rpc.send(signed.transaction, skip_preflight=False)
        assert isinstance(refused.value.data, dict)
        assert refused.value.data["err"] == {"InstructionError": [2, {"Custom": 1}]}


async def test_a_slot_that_the_node_has_not_reached_is_its_own_error() -> None:
    async with bench() as one:
        slot = await one.rpc.slot()
        address = str(one.usdc.oracle)
        assert await one.rpc.account(address, min_context_slot=slot) is not None
        for call in (
            one.rpc.account(address, min_context_slot=slot + 1),
            one.rpc.accounts([address], min_context_slot=slot + 1),
        ):
            with pytest.raises(MinContextSlotNotReached):
                await call


async def test_a_node_that_answers_too_late_is_a_timeout_not_a_failure() -> None:
    async with bench(timeout_seconds=0.5) as one:
        one.localnet.faults.set_latency(one.localnet.chain.slot, 1_000)
        with pytest.raises(RpcTimeout):
            await one.rpc.slot()
        one.localnet.faults.set_latency(one.localnet.chain.slot, 0)
        assert await one.rpc.slot() > 0


async def test_reads_say_their_slot_and_height_falls_behind_it() -> None:
    async with bench() as one:
        await one.localnet.step(60)
        slot, found = await one.rpc.accounts([str(one.usdc.oracle), str(Pubkey.new_unique())])
        assert slot == await one.rpc.slot()
        assert found[0] is not None
        assert found[1] is None
        _, positions = await one.rpc.program_accounts(str(one.scenario.program_id), filters=[{"dataSize": 488}])
        assert {address for address, _ in positions} == one.scenario.position_addresses
        assert await one.rpc.block_height("processed") < slot
        assert await one.rpc.balance(one.wallet.pubkey) == 1_000 * 10**9
        assert await one.rpc.genesis_hash() == str(one.localnet.chain.genesis_hash)
        assert all(fee >= 0 for fee in await one.rpc.recent_priority_fees([str(one.usdc.vault)]))


class Cutter:
    """A pipe to a server that can be cut, as a network is."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._writers: list[asyncio.StreamWriter] = []
        self.port = 0

    async def __aenter__(self) -> "Cutter":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.cut()

    def cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_connection("127.0.0.1", self._target)
        self._writers += [writer, there[1]]
        await asyncio.gather(self._pump(reader, there[1]), self._pump(there[0], writer))

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        writer.close()


async def test_account_changes_arrive_and_a_cut_connection_is_followed_by_a_marker() -> None:
    stop = asyncio.Event()
    async with bench() as one, Cutter(int(one.localnet.url.rsplit(":", 1)[1])) as cutter:
        one.localnet.on_slot(one.scenario.play)
        stream = program_updates(f"ws://127.0.0.1:{cutter.port}", str(one.scenario.program_id), stop=stop)
        assert await anext(stream) == Reconnected(first=True)
        one.scenario.start(one.localnet.chain.slot)
        await one.localnet.step(10)
        update = await asyncio.wait_for(anext(stream), 5)
        assert isinstance(update, AccountUpdate)
        assert update.address in {str(info.oracle) for info in one.scenario.mints}
        assert len(update.data) == 128
        cutter.cut()
        async with asyncio.timeout(5):
            while not isinstance(marker := await anext(stream), Reconnected):
                pass
        assert marker == Reconnected(first=False)
        await one.localnet.step(10)
        assert isinstance(await asyncio.wait_for(anext(stream), 5), AccountUpdate)
        stop.set()
        async with asyncio.timeout(5):
            async for _ in stream:
                pass


async def test_accounts_of_anybody_are_followed_over_one_connection() -> None:
    stop = asyncio.Event()
    async with bench() as one:
        one.localnet.on_slot(one.scenario.play)
        watched = [str(info.oracle) for info in one.scenario.mints[:3]]
        stream = account_updates(one.localnet.ws_url, watched, stop=stop)
        assert await anext(stream) == Reconnected(first=True)
        one.scenario.start(one.localnet.chain.slot)
        await one.localnet.step(60)
        seen: dict[str, bytes] = {}
        async with asyncio.timeout(5):
            while len(seen) < len(watched):
                update = await anext(stream)
                assert isinstance(update, AccountUpdate)
                seen[update.address] = update.data
        assert set(seen) == set(watched)
        assert {OracleAccount.decode(data).slot > 0 for data in seen.values()} == {True}
        stop.set()


async def test_only_the_kinds_that_were_asked_for_are_told() -> None:
    stop = asyncio.Event()
    async with bench() as one:
        one.localnet.on_slot(one.scenario.play)
        kinds = [ACCOUNT_FILTERS[name].rpc() for name in ("Position", "Oracle")]
        program = str(one.scenario.program_id)
        stream = program_updates(one.localnet.ws_url, program, kinds=kinds, stop=stop)
        none = program_updates(one.localnet.ws_url, program, kinds=kinds[:1], stop=stop)
        assert [await anext(stream), await anext(none)] == [Reconnected(first=True)] * 2
        one.scenario.start(one.localnet.chain.slot)
        await one.localnet.step(60)
        update = await asyncio.wait_for(anext(stream), 5)
        assert isinstance(update, AccountUpdate)
        assert update.address in {str(info.oracle) for info in one.scenario.mints}
        silent = asyncio.ensure_future(anext(none))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(silent, 0.3)
        stop.set()


async def test_slots_are_told_as_they_pass() -> None:
    stop = asyncio.Event()
    async with bench() as one:
        stream = slots(one.localnet.ws_url, stop)

        async def first() -> int:
            return (await anext(stream)).slot

        waiting = asyncio.create_task(first())
        await asyncio.sleep(0.1)
        slot = await one.localnet.step()
        assert await asyncio.wait_for(waiting, 5) == slot
        stop.set()
