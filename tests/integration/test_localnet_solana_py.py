"""solana-py's own clients talk to localnet over real sockets, unmodified, errors included."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from solana.rpc.async_api import AsyncClient
from solana.rpc.commitment import Confirmed, Finalized, Processed
from solana.rpc.core import RPCException, TransactionExpiredBlockheightExceededError
from solana.rpc.jsonrpc import JsonRpcRequest
from solana.rpc.models import DataSliceOpts, MemcmpOpts, TokenAccountOpts, TxOpts
from solana.rpc.websocket_api import SolanaWsClient
from solders.hash import Hash
from solders.instruction import Instruction
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from solders.rpc.errors import (
    InvalidParamsMessage,
    MinContextSlotNotReachedMessage,
    SendTransactionPreflightFailureMessage,
)
from solders.signature import Signature
from solders.transaction import VersionedTransaction
from solders.transaction_status import TransactionConfirmationStatus as Status

from liquidation_engine.localnet import Localnet
from localnet_kit import SOL, account, add_mint, add_tokens, funded, key, move_tokens, pay, signed, stepped

SKIP = TxOpts(skip_preflight=True)
OWNER = key(50).pubkey()


@pytest.fixture
async def localnet() -> AsyncIterator[Localnet]:
    localnet = Localnet(stepped(confirmed_lag=2, finalized_lag=4))
    funded(localnet.chain, 1)
    for number in range(10):
        localnet.set_account(key(100 + number).pubkey(), account(SOL, bytes([number % 2]) * (20 + number % 3), OWNER))
    async with localnet:
        yield localnet


@pytest.fixture
async def client(localnet: Localnet) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(localnet.url, commitment=Processed) as client:
        yield client


@pytest.fixture
async def socket(localnet: Localnet) -> AsyncIterator[SolanaWsClient]:
    async with SolanaWsClient(localnet.ws_url) as socket:
        yield socket


async def transfer(
    client: AsyncClient, to: Pubkey, lamports: int = SOL, payer: Keypair | None = None
) -> VersionedTransaction:
    payer = payer or key(1)
    blockhash = (await client.get_latest_blockhash()).value.blockhash
    return signed(payer, [pay(payer, to, lamports)], blockhash)


async def test_a_transfer_goes_all_the_way(localnet: Localnet, client: AsyncClient) -> None:
    to = key(2).pubkey()
    transaction = await transfer(client, to)
    signature = (await client.send_transaction(transaction)).value
    assert signature == transaction.signatures[0]
    assert (await client.get_balance(to)).value == 0
    assert (await client.get_signature_statuses([signature])).value == [None]
    await localnet.step()
    assert (await client.get_balance(to)).value == SOL
    seen = []
    for _ in range(6):
        status = (await client.get_signature_statuses([signature])).value[0]
        assert status is not None
        assert status.err is None
        seen.append((status.confirmations, status.confirmation_status))
        await localnet.step()
    assert seen == [
        (0, Status.Processed),
        (1, Status.Processed),
        (2, Status.Confirmed),
        (3, Status.Confirmed),
        (None, Status.Finalized),
        (None, Status.Finalized),
    ]


async def test_a_landed_transaction_is_shown_with_its_balances(localnet: Localnet, client: AsyncClient) -> None:
    signature = (await client.send_transaction(await transfer(client, key(2).pubkey()))).value
    await localnet.step()
    assert (
        await client.get_transaction(signature, commitment=Confirmed, max_supported_transaction_version=0)
    ).value is None
    await localnet.step(2)
    for encoding in ("json", "jsonParsed", "base64", "base58"):
        found = await client.get_transaction(signature, encoding, Confirmed, max_supported_transaction_version=0)
        assert found.value is not None
        meta = found.value.transaction.meta
        assert meta is not None
        assert (found.value.slot, meta.err, meta.fee) == (1_001, None, 5_000)
        assert meta.pre_balances[:2] == [100 * SOL, 0]
        assert meta.post_balances[:2] == [99 * SOL - 5_000, SOL]


async def test_a_failed_transaction_tells_its_error_everywhere(localnet: Localnet, client: AsyncClient) -> None:
    doomed = await transfer(client, key(2).pubkey(), 10**6 * SOL)
    signature = (await client.send_transaction(doomed, SKIP)).value
    await localnet.step(3)
    status = (await client.get_signature_statuses([signature])).value[0]
    found = (await client.get_transaction(signature, commitment=Confirmed, max_supported_transaction_version=0)).value
    assert status is not None
    assert found is not None
    assert found.transaction.meta is not None
    assert str(status.err) == str(found.transaction.meta.err)
    assert "Custom(1)" in str(status.err)


async def test_spl_tokens_move_with_pre_and_post_balances(localnet: Localnet, client: AsyncClient) -> None:
    holder, receiver = key(1), key(60).pubkey()
    mint = add_mint(localnet.chain, 61, 6, 5_000_000, holder.pubkey())
    source = add_tokens(localnet.chain, 62, mint, holder.pubkey(), 5_000_000)
    to = add_tokens(localnet.chain, 63, mint, receiver, 0)
    blockhash = (await client.get_latest_blockhash()).value.blockhash
    transaction = signed(holder, [move_tokens(source, to, holder.pubkey(), 1_500_000)], blockhash)
    signature = (await client.send_transaction(transaction)).value
    await localnet.step(3)
    assert (await client.get_token_account_balance(to)).value.ui_amount_string == "1.5"
    assert (await client.get_token_supply(mint)).value.amount == "5000000"
    found = (await client.get_transaction(signature, commitment=Confirmed, max_supported_transaction_version=0)).value
    assert found is not None
    meta = found.transaction.meta
    assert meta is not None
    before, after = meta.pre_token_balances, meta.post_token_balances
    assert before is not None
    assert after is not None
    assert [(one.owner, one.mint, one.ui_token_amount.amount) for one in before] == [
        (holder.pubkey(), mint, "5000000"),
        (receiver, mint, "0"),
    ]
    assert [(one.owner, one.ui_token_amount.amount) for one in after] == [
        (holder.pubkey(), "3500000"),
        (receiver, "1500000"),
    ]
    owned = await client.get_token_accounts_by_owner(receiver, TokenAccountOpts(mint=mint))
    assert [one.pubkey for one in owned.value] == [to]
    shown = await client.get_token_accounts_by_owner_json_parsed(receiver, TokenAccountOpts(mint=mint))
    parsed: Any = shown.value[0].account.data.parsed
    assert parsed["info"]["tokenAmount"]["amount"] == "1500000"


async def test_program_accounts_are_filtered_and_sliced(client: AsyncClient) -> None:
    everyone = (await client.get_program_accounts(OWNER, encoding="base64")).value
    assert len(everyone) == 10
    ones = [MemcmpOpts(offset=0, bytes="2")]  # base58 of 1
    found = (await client.get_program_accounts(OWNER, encoding="base64", filters=[20, *ones])).value
    assert {one.pubkey for one in found} == {key(100 + n).pubkey() for n in (3, 9)}
    sliced = await client.get_program_accounts(
        OWNER, encoding="base64", data_slice=DataSliceOpts(offset=1, length=2), filters=ones
    )
    assert {one.account.data for one in sliced.value} == {b"\1\1"}


async def test_accounts_are_read_one_by_one_and_together(client: AsyncClient) -> None:
    known, unknown = key(100).pubkey(), key(99).pubkey()
    one = (await client.get_account_info(known)).value
    assert one is not None
    assert (one.lamports, one.data, one.owner) == (SOL, bytes(20), OWNER)
    many = (await client.get_multiple_accounts([known, unknown])).value
    assert many == [one, None]
    assert (await client.get_account_info(unknown)).value is None


async def test_commitments_see_their_own_slot_and_height(localnet: Localnet, client: AsyncClient) -> None:
    await localnet.step(30)
    slots = [(await client.get_slot(one)).value for one in (Processed, Confirmed, Finalized)]
    assert slots == [1_031, 1_029, 1_027]
    assert (await client.get_block_height(Processed)).value == 980
    assert (await client.get_block_height(Finalized)).value == 976
    latest = (await client.get_latest_blockhash(Finalized)).value
    assert latest.last_valid_block_height == 976 + 150
    assert await is_valid(client, latest.blockhash)
    assert not await is_valid(client, Hash.default())
    await localnet.step(160)
    assert not await is_valid(client, latest.blockhash)


async def is_valid(client: AsyncClient, blockhash: Hash) -> bool:
    request = JsonRpcRequest(method="isBlockhashValid", params=[str(blockhash), {"commitment": "processed"}])
    answer = await client.send_rpc_request(request, dict[str, Any])
    return answer["value"] is True


async def test_plain_questions_are_answered(localnet: Localnet, client: AsyncClient) -> None:
    assert await client.is_connected()
    assert (await client.get_version()).value.solana_core
    assert (await client.get_genesis_hash()).value == localnet.chain.genesis_hash
    assert (await client.get_minimum_balance_for_rent_exemption(165)).value == 2_039_280
    assert (await client.get_block_time(1_000)).value == 1_700_000_000


async def test_an_airdrop_lands(localnet: Localnet, client: AsyncClient) -> None:
    signature = (await client.request_airdrop(key(3).pubkey(), SOL)).value
    await localnet.step(5)
    await client.confirm_transaction(signature, Finalized)
    assert (await client.get_balance(key(3).pubkey())).value == SOL


async def test_a_simulation_shows_what_would_happen_and_changes_nothing(client: AsyncClient) -> None:
    to = key(2).pubkey()
    shown = (await client.simulate_transaction(await transfer(client, to), sig_verify=True)).value
    assert shown.err is None
    assert shown.units_consumed == 150
    assert shown.logs is not None
    assert shown.logs[-1].endswith("success")
    doomed = (await client.simulate_transaction(await transfer(client, to, 10**6 * SOL))).value
    assert "Custom(1)" in str(doomed.err)
    assert (await client.get_balance(to)).value == 0


# Errors


async def test_preflight_refuses_what_would_fail(localnet: Localnet, client: AsyncClient) -> None:
    with pytest.raises(RPCException) as caught:
        await client.send_transaction(await transfer(client, key(2).pubkey(), 10**6 * SOL))
    failure = caught.value.args[0]
    assert isinstance(failure, SendTransactionPreflightFailureMessage)
    assert failure.message == "Transaction simulation failed: Error processing Instruction 0: custom program error: 0x1"
    assert failure.data is not None
    assert "Custom(1)" in str(failure.data.err)
    assert failure.data.logs


async def test_a_foreign_blockhash_and_a_repetition_are_refused(localnet: Localnet, client: AsyncClient) -> None:
    payer = key(1)
    foreign = signed(payer, [pay(payer, key(2).pubkey(), 1)], Hash.new_unique())
    with pytest.raises(RPCException, match="Blockhash not found"):
        await client.send_transaction(foreign)
    transaction = await transfer(client, key(2).pubkey())
    await client.send_transaction(transaction)
    await client.send_transaction(transaction)
    await localnet.step()
    with pytest.raises(RPCException, match="already been processed"):
        await client.send_transaction(transaction)


async def test_false_signatures_are_refused_by_preflight_and_never_run_without(
    localnet: Localnet, client: AsyncClient
) -> None:
    good = await transfer(client, key(2).pubkey())
    false = VersionedTransaction.populate(good.message, [Keypair().sign_message(b"else")])
    with pytest.raises(RPCException, match="TransactionSignatureVerificationFailure"):
        await client.send_transaction(false)
    await client.send_transaction(false, SKIP)
    await localnet.step(2)
    assert (await client.get_balance(key(2).pubkey())).value == 0


async def test_bytes_that_are_no_transaction_are_refused(client: AsyncClient) -> None:
    for raw, said in ((b"\1" * 40, "failed to deserialize"), (bytes(1_300), "too large: 1736 bytes")):
        with pytest.raises(RPCException, match=said) as caught:
            await client.send_raw_transaction(raw)
        assert isinstance(caught.value.args[0], InvalidParamsMessage)


async def test_reads_below_the_context_slot_are_refused(localnet: Localnet, client: AsyncClient) -> None:
    with pytest.raises(RPCException) as caught:
        await client.simulate_transaction(await transfer(client, key(2).pubkey()), min_context_slot=1_500)
    failure = caught.value.args[0]
    assert isinstance(failure, MinContextSlotNotReachedMessage)
    assert failure.data.context_slot == localnet.chain.slot


async def test_confirming_gives_up_after_the_last_valid_height(localnet: Localnet, client: AsyncClient) -> None:
    localnet.faults.drop_sends(every=1)
    last_valid = (await client.get_latest_blockhash()).value.last_valid_block_height
    signature = (await client.send_transaction(await transfer(client, key(2).pubkey()))).value
    await localnet.step(160)
    with pytest.raises(TransactionExpiredBlockheightExceededError):
        await client.confirm_transaction(signature, Confirmed, sleep_seconds=0.01, last_valid_block_height=last_valid)


# Subscriptions


async def received(socket: SolanaWsClient, count: int) -> list[Any]:
    async with asyncio.timeout(5):
        return [await socket.recv() for _ in range(count)]


async def test_an_account_is_notified_once_a_slot_at_each_commitment(
    localnet: Localnet, client: AsyncClient, socket: SolanaWsClient
) -> None:
    to = key(2).pubkey()
    processed = await socket.account_subscribe(pubkey=to, commitment=Processed, encoding="base64")
    confirmed = await socket.account_subscribe(pubkey=to, commitment=Confirmed, encoding="base64")
    for lamports in (SOL, 2 * SOL):
        await client.send_transaction(await transfer(client, to, lamports))
    await localnet.step()
    [first] = await received(socket, 1)
    assert (first.subscription, first.result.value.lamports, first.result.context.slot) == (
        processed.subscription_id,
        3 * SOL,
        1_001,
    )
    await localnet.step(2)
    [later] = await received(socket, 1)
    assert (later.subscription, later.result.value.lamports, later.result.context.slot) == (
        confirmed.subscription_id,
        3 * SOL,
        1_001,
    )


async def test_a_program_is_notified_of_what_passes_the_filters(localnet: Localnet, socket: SolanaWsClient) -> None:
    await socket.program_subscribe(
        program_id=OWNER,
        commitment=Processed,
        encoding="base64",
        filters=[20, MemcmpOpts(offset=0, bytes="2")],
        data_slice=DataSliceOpts(offset=0, length=3),
    )
    localnet.set_account(key(100).pubkey(), account(7, b"\2" * 20, OWNER))
    localnet.set_account(key(101).pubkey(), account(7, b"\1" * 21, OWNER))
    localnet.set_account(key(102).pubkey(), account(7, b"\1" * 20, key(51).pubkey()))
    localnet.set_account(key(103).pubkey(), account(8, b"\1" * 20, OWNER))
    [only] = await received(socket, 1)
    assert only.result.value.pubkey == key(103).pubkey()
    assert only.result.value.account.data == b"\1\1\1"


async def test_a_signature_is_notified_once_whether_it_landed_before_or_after(
    localnet: Localnet, client: AsyncClient, socket: SolanaWsClient
) -> None:
    nonsense = Instruction(Pubkey.default(), b"\xff" * 4, [])
    doomed = signed(key(1), [nonsense], localnet.chain.latest_blockhash)
    signature = doomed.signatures[0]
    before = await socket.signature_subscribe(signature=signature, commitment=Processed)
    await client.send_transaction(doomed, SKIP)
    await localnet.step(3)
    after = await socket.signature_subscribe(
        signature=signature, commitment=Confirmed, enable_received_notification=True
    )
    told = await received(socket, 2)
    assert [one.subscription for one in told] == [before.subscription_id, after.subscription_id]
    assert ["InvalidInstructionData" in str(one.result.value.err) for one in told] == [True, True]
    assert len(localnet.subscriptions) == 0


async def test_slots_are_notified_with_parent_and_root(localnet: Localnet, socket: SolanaWsClient) -> None:
    await localnet.step(18)
    subscription = await socket.slot_subscribe()
    await localnet.step(2)
    told = [(one.result.slot, one.result.parent, one.result.root) for one in await received(socket, 2)]
    assert told == [(1_019, 1_018, 1_015), (1_021, 1_019, 1_017)]
    await socket.unsubscribe(subscription)
    assert len(localnet.subscriptions) == 0


async def test_lost_notifications_are_lost_for_good(localnet: Localnet, socket: SolanaWsClient) -> None:
    await socket.program_subscribe(program_id=OWNER, commitment=Processed, encoding="base64")
    localnet.faults.lose_notifications(every=2, kinds=["program"])
    for number in range(4):
        localnet.set_account(key(100 + number).pubkey(), account(9, b"new", OWNER))
    told = [one.result.value.pubkey for one in await received(socket, 2)]
    assert told == [key(100).pubkey(), key(102).pubkey()]
    assert localnet.faults.lost_notifications == 2


async def test_a_closed_connection_leaves_no_subscription_behind(localnet: Localnet) -> None:
    async with SolanaWsClient(localnet.ws_url) as socket:
        await socket.slot_subscribe()
        await socket.program_subscribe(program_id=OWNER)
        assert len(localnet.subscriptions) == 2
    async with asyncio.timeout(5):
        while len(localnet.subscriptions):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_the_wrong_signature_is_refused_on_the_socket_too(socket: SolanaWsClient) -> None:
    await socket.signature_subscribe(signature=Signature.default())
    subscription = await socket.slot_subscribe()
    await socket.unsubscribe(subscription)
    with pytest.raises(ValueError, match="no longer active"):
        await socket.unsubscribe(subscription)
