"""The JSON-RPC calls the engine makes, over one HTTP session and a list of endpoints.

Reads ask one endpoint after the other until one answers; a send goes to all of them at once with the same bytes.
"""

import asyncio
import base64
import contextlib
import random
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self, TypeVar

import aiohttp

from liquidation_engine.chain import decode
from liquidation_engine.chain.endpoint import Endpoint
from liquidation_engine.chain.executed import (
    AddressSignature,
    ExecutedTransaction,
    address_signature,
    executed_transaction,
)
from liquidation_engine.chain.words import (
    CannotLand,
    ChainAccount,
    Commitment,
    SignatureStatus,
    Simulation,
    StillPossible,
)
from liquidation_engine.errors import (
    ConfigError,
    MinContextSlotNotReached,
    RpcError,
    RpcRefused,
    RpcTimeout,
    RpcUnavailable,
)
from liquidation_engine.model import TransactionRecord

T = TypeVar("T")

ACCOUNTS_PER_CALL = 100
SIGNATURES_PER_CALL = 256
ENDPOINTS_ASKED_FOR_FATE = 2
LAGGING_SLOTS = 20  # an endpoint that is further behind the others is asked after them
WATCH_SECONDS = 1.0
ROUND_PAUSES_SECONDS = (0.05, 0.15)  # between rounds of reads that every endpoint turned away
SEND_PATIENCE_SECONDS = 0.5  # for an acceptance; what landed without one is confirmed long before a call times out


class RpcClient:
    """Calls to RPC nodes with timeouts and bounded concurrency; reads and sends have limits of their own."""

    def __init__(
        self,
        urls: Sequence[str],
        *,
        timeout_seconds: float = 5.0,
        read_concurrency: int = 32,
        send_concurrency: int = 16,  # at each endpoint, so that a silent one holds up nobody else
        asked_for_fate: int = ENDPOINTS_ASKED_FOR_FATE,
    ) -> None:
        if not urls:
            raise ConfigError("no RPC endpoint is given; set SOLANA_RPC_URL")
        self._endpoints = tuple(Endpoint(url) for url in urls)
        self._timeout = timeout_seconds
        self._reads = asyncio.Semaphore(read_concurrency)
        self._sends = {endpoint: asyncio.Semaphore(send_concurrency) for endpoint in self._endpoints}
        self._asked_for_fate = asked_for_fate
        self._session: aiohttp.ClientSession | None = None
        self._late: set[asyncio.Task[Any]] = set()  # sends still under way to slower endpoints

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End what is under way and close the session."""
        for task in tuple(self._late):
            task.cancel()
        await asyncio.gather(*self._late, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
            self._session = None

    @property
    def newest_slot(self) -> int:
        """The newest processed slot that an endpoint told of, 0 while there is only one and nobody watches."""
        return max(endpoint.slot for endpoint in self._endpoints)

    async def watch(self, stop: asyncio.Event) -> None:
        """Keep an eye on how far each endpoint is, until `stop`; with one endpoint there is nothing to compare."""
        while len(self._endpoints) > 1 and not stop.is_set():
            await asyncio.gather(*(self._look_at(endpoint) for endpoint in self._endpoints))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), WATCH_SECONDS)
        await stop.wait()

    async def _look_at(self, endpoint: Endpoint) -> None:
        with contextlib.suppress(
            RpcError, TypeError, ValueError
        ):  # one that does not tell keeps its old slot, and falls behind
            endpoint.slot = int(await self._read(endpoint, "getSlot", [{"commitment": "processed"}], WATCH_SECONDS))

    def _in_order(self) -> list[Endpoint]:
        """Return the endpoints in the order to ask them: as given, but first those that are in step and do not rest."""
        newest = self.newest_slot
        return sorted(self._endpoints, key=lambda one: (one.resting, one.slot + LAGGING_SLOTS < newest))

    async def call(self, method: str, params: Sequence[Any] = (), *, timeout_seconds: float | None = None) -> Any:
        """Return the result of a read, from the first endpoint that answers.

        Where all of them turn it away (429, or nobody there), they are asked again a little later: nothing but time is lost.
        """
        timeout = self._timeout if timeout_seconds is None else timeout_seconds
        for pause in (*ROUND_PAUSES_SECONDS, None):
            failures: list[RpcError] = []
            for endpoint in self._in_order():
                try:
                    return await self._read(endpoint, method, params, timeout)
                except (RpcTimeout, RpcUnavailable, MinContextSlotNotReached) as error:
                    failures.append(error)
            if pause is None or not all(isinstance(failure, RpcUnavailable) for failure in failures):
                break
            await asyncio.sleep(pause * (0.5 + random.random()))  # noqa: S311 - spreads the load
        raise _most_telling(failures)

    async def account(
        self, address: str, *, min_context_slot: int | None = None, commitment: Commitment = "processed"
    ) -> ChainAccount | None:
        """Return one account, None if it does not exist."""
        config = _config(commitment, min_context_slot, encoding="base64")
        result = await self.call("getAccountInfo", [address, config])
        with decode.answer_of("getAccountInfo"):
            return decode.account(address, result["value"], result["context"]["slot"])

    async def accounts(
        self, addresses: Sequence[str], *, min_context_slot: int | None = None, commitment: Commitment = "processed"
    ) -> tuple[int, list[ChainAccount | None]]:
        """Return accounts in the order asked for, and the lowest context slot of the calls it took."""
        found: list[ChainAccount | None] = []
        slots: list[int] = []
        config = _config(commitment, min_context_slot, encoding="base64")
        for start in range(0, len(addresses), ACCOUNTS_PER_CALL):
            chunk = list(addresses[start : start + ACCOUNTS_PER_CALL])
            result = await self.call("getMultipleAccounts", [chunk, config])
            with decode.answer_of("getMultipleAccounts"):
                slot = result["context"]["slot"]
                slots.append(slot)
                found += [decode.account(*pair, slot) for pair in zip(chunk, result["value"], strict=True)]
        return min(slots, default=0), found

    async def program_accounts(
        self, program: str, *, filters: Sequence[Mapping[str, Any]] = (), commitment: Commitment = "processed"
    ) -> tuple[int, list[tuple[str, ChainAccount]]]:
        """Return every account of a program that passes the filters, and the context slot."""
        config = _config(commitment, None, encoding="base64", withContext=True, filters=list(filters))
        result = await self.call("getProgramAccounts", [program, config])
        with decode.answer_of("getProgramAccounts"):
            slot = result["context"]["slot"]
            found = ((one["pubkey"], decode.account(one["pubkey"], one["account"], slot)) for one in result["value"])
            return slot, [(address, account) for address, account in found if account is not None]

    async def latest_blockhash(self, commitment: Commitment = "confirmed") -> tuple[str, int]:
        """Return the newest blockhash and the last block height at which it is valid."""
        result = await self.call("getLatestBlockhash", [{"commitment": commitment}])
        with decode.answer_of("getLatestBlockhash"):
            return result["value"]["blockhash"], result["value"]["lastValidBlockHeight"]

    async def block_height(self, commitment: Commitment = "finalized") -> int:
        """Return the block height, which falls behind the slot by every skipped slot."""
        return int(await self.call("getBlockHeight", [{"commitment": commitment}]))

    async def slot(self, commitment: Commitment = "processed") -> int:
        """Return the node's slot."""
        return int(await self.call("getSlot", [{"commitment": commitment}]))

    async def genesis_hash(self) -> str:
        """Return what names the chain."""
        return str(await self.call("getGenesisHash"))

    async def balance(self, address: str, *, commitment: Commitment = "processed") -> int:
        """Return an account's lamports."""
        result = await self.call("getBalance", [address, {"commitment": commitment}])
        with decode.answer_of("getBalance"):
            return int(result["value"])

    async def simulate(
        self,
        transaction: bytes,
        *,
        replace_blockhash: bool = False,
        sig_verify: bool = False,
        min_context_slot: int | None = None,
        accounts: Sequence[str] = (),
    ) -> Simulation:
        """Run a transaction on the node's processed state without sending it."""
        config = _config(
            "processed",
            min_context_slot,
            encoding="base64",
            replaceRecentBlockhash=replace_blockhash,
            sigVerify=sig_verify,
        )
        if accounts:
            config["accounts"] = {"encoding": "base64", "addresses": list(accounts)}
        result = await self.call("simulateTransaction", [_wire(transaction), config])
        with decode.answer_of("simulateTransaction"):
            return decode.simulation(result, accounts)

    async def send(
        self, transaction: bytes, *, skip_preflight: bool = True, min_context_slot: int | None = None
    ) -> str:
        """Send the same bytes to all endpoints; return the signature at the first acceptance.

        Raises RpcTimeout if any endpoint may have accepted it without saying so, after a moment: whether it landed is
        asked of the chain, while the calls under way go on.
        """
        config = _config(None, min_context_slot, encoding="base64", skipPreflight=skip_preflight, maxRetries=0)
        config["preflightCommitment"] = "processed"
        params = [_wire(transaction), config]
        waiting = {asyncio.create_task(self._send_to(endpoint, params)) for endpoint in self._endpoints}
        self._late |= waiting
        for task in waiting:
            task.add_done_callback(self._late.discard)
        failures: list[RpcError] = []
        deadline = time.monotonic() + min(self._timeout, SEND_PATIENCE_SECONDS)
        while waiting:
            left = max(0.0, deadline - time.monotonic())
            done, waiting = await asyncio.wait(waiting, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            if not done:
                raise RpcTimeout(
                    f"{len(waiting)} of {len(self._endpoints)} endpoints have not answered sendTransaction"
                )
            answers = [task.result() for task in done]
            accepted = [answer for answer in answers if isinstance(answer, str)]
            if accepted:
                return accepted[0]
            failures += [answer for answer in answers if isinstance(answer, RpcError)]
        raise _most_telling(failures)

    async def signature_status(self, signature: str, *, search_history: bool = False) -> SignatureStatus | None:
        """Return where a transaction stands, None if the node does not know it."""
        return (await self.signature_statuses([signature], search_history=search_history))[0]

    async def signature_statuses(
        self, signatures: Sequence[str], *, search_history: bool = False
    ) -> list[SignatureStatus | None]:
        """Return where transactions stand, in order; one call for up to 256 of them.

        With `search_history`, what one endpoint does not know is asked of the others: a single one may have forgotten.
        """
        found = await self._statuses(signatures, search_history)
        if search_history:
            for endpoint in self._endpoints[1:]:
                unknown = [place for place, status in enumerate(found) if status is None]
                if not unknown:
                    break
                elsewhere = await self._statuses([signatures[place] for place in unknown], True, endpoint)
                for place, status in zip(unknown, elsewhere, strict=True):
                    found[place] = status
        return found

    async def _statuses(
        self, signatures: Sequence[str], search_history: bool, endpoint: Endpoint | None = None
    ) -> list[SignatureStatus | None]:
        found: list[SignatureStatus | None] = []
        for start in range(0, len(signatures), SIGNATURES_PER_CALL):
            chunk = list(signatures[start : start + SIGNATURES_PER_CALL])
            params = [chunk, {"searchTransactionHistory": search_history}]
            if endpoint is None:
                result = await self.call("getSignatureStatuses", params)
            else:
                result = await self._insist(endpoint, "getSignatureStatuses", params)
            with decode.answer_of("getSignatureStatuses"):
                found += [decode.signature_status(value) for _, value in zip(chunk, result["value"], strict=True)]
        return found

    async def fate(self, signature: str, *, expires_above: int) -> SignatureStatus | StillPossible | CannotLand:
        """Say whether a transaction landed, may land, or can land no more.

        Height and history come from the same endpoint, in this order; with several endpoints two must agree that it
        cannot land. An endpoint that gives no answer raises: silence proves nothing. One that reports a status must be able to
        show the transaction once its last height is final: a claim that it then cannot prove is none.
        """
        heights: list[int] = []
        for endpoint in self._endpoints[: self._asked_for_fate]:
            height = int(await self._insist(endpoint, "getBlockHeight", [{"commitment": "finalized"}]))
            params = [[signature], {"searchTransactionHistory": True}]
            result = await self._insist(endpoint, "getSignatureStatuses", params)
            with decode.answer_of("getSignatureStatuses"):
                status = decode.signature_status(result["value"][0])
            if status is not None and (height <= expires_above or await self._shows(endpoint, signature)):
                return status
            heights.append(height)
        lowest = min(heights)
        return CannotLand(lowest) if lowest > expires_above else StillPossible(lowest)

    async def _shows(self, endpoint: Endpoint, signature: str) -> bool:
        return await self._insist(endpoint, *_transaction_call(signature, "confirmed")) is not None

    async def transaction(self, signature: str, *, commitment: Commitment = "confirmed") -> TransactionRecord | None:
        """Return what an executed transaction did, None if no endpoint knows it at this commitment."""
        return await self._landed(signature, commitment, decode.transaction_record)

    async def executed(self, signature: str, *, commitment: Commitment = "confirmed") -> ExecutedTransaction | None:
        """Return what an executed transaction called, None if no endpoint knows it at this commitment."""
        return await self._landed(signature, commitment, executed_transaction)

    async def signatures_for(
        self, address: str, *, limit: int, before: str | None = None, commitment: Commitment = "confirmed"
    ) -> list[AddressSignature]:
        """Return up to `limit` transactions that touched an address, the newest first; `before` names where to go on."""
        config = _config(commitment, None, limit=limit, **({"before": before} if before else {}))
        result = await self.call("getSignaturesForAddress", [address, config])
        with decode.answer_of("getSignaturesForAddress"):
            return [address_signature(entry) for entry in result]

    async def recent_priority_fees(self, addresses: Sequence[str] = ()) -> list[int]:
        """Return the fees, in micro-lamports per compute unit, that recent slots asked for writing these accounts."""
        result = await self.call("getRecentPrioritizationFees", [list(addresses)])
        with decode.answer_of("getRecentPrioritizationFees"):
            return [int(entry["prioritizationFee"]) for entry in result]

    async def _landed(
        self, signature: str, commitment: Commitment, read: Callable[[str, Mapping[str, Any]], T]
    ) -> T | None:
        method, params = _transaction_call(signature, commitment)
        result = await self.call(method, params)
        for endpoint in self._endpoints[1:]:
            if result is not None:
                break
            result = await self._insist(endpoint, method, params)
        if result is None:
            return None
        with decode.answer_of("getTransaction"):
            return read(signature, result)

    async def _read(self, endpoint: Endpoint, method: str, params: Sequence[Any], timeout: float) -> Any:
        async with self._reads:
            return await endpoint.call(self._opened(), method, params, timeout)

    async def _insist(self, endpoint: Endpoint, method: str, params: Sequence[Any]) -> Any:
        """Ask this endpoint and no other."""
        async with self._reads:
            return await endpoint.insist(self._opened(), method, params, self._timeout)

    async def _send_to(self, endpoint: Endpoint, params: Sequence[Any]) -> str | RpcError:
        """Send to one endpoint; one that is silent for long is spared what finds no place, so that nothing piles up."""
        places = self._sends[endpoint]
        try:
            async with asyncio.timeout(self._timeout):
                await places.acquire()
        except TimeoutError:
            return RpcUnavailable(f"{endpoint.url} has not answered the sends before this one")
        try:
            return str(await endpoint.insist(self._opened(), "sendTransaction", params, self._timeout))
        except RpcError as error:
            return error
        finally:
            places.release()

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        return self._session


def _transaction_call(signature: str, commitment: Commitment) -> tuple[str, list[Any]]:
    config = {"encoding": "json", "commitment": commitment, "maxSupportedTransactionVersion": 0}
    return "getTransaction", [signature, config]


def _wire(transaction: bytes) -> str:
    return base64.b64encode(transaction).decode()


def _config(commitment: Commitment | None, min_context_slot: int | None, **fields: Any) -> dict[str, Any]:
    if commitment is not None:
        fields["commitment"] = commitment
    if min_context_slot is not None:
        fields["minContextSlot"] = min_context_slot
    return fields


def _most_telling(failures: Sequence[RpcError]) -> RpcError:
    """A timeout may hide an answer, so it outweighs; then a refusal; then endpoints that were not reached."""
    for kind in (RpcTimeout, RpcRefused, RpcUnavailable):
        for failure in failures:
            if isinstance(failure, kind):
                return failure
    return RpcUnavailable("no endpoint was asked")
