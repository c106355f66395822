"""From JSON-RPC answers to words; an answer of another shape is a DecodeError that names the method."""

import base64
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from liquidation_engine.chain.words import AccountUpdate, ChainAccount, SignatureStatus, Simulation
from liquidation_engine.errors import DecodeError
from liquidation_engine.model import TokenBalance, TransactionRecord

Json = Mapping[str, Any]


@contextmanager
def answer_of(method: str) -> Iterator[None]:
    """Turn a wrong shape met inside the block into a DecodeError."""
    try:
        yield
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise DecodeError(f"the answer to {method} is not of the documented shape: {error!r}") from error


def account_data(encoded: Sequence[str]) -> bytes:
    """Return the bytes of an account's `data` field, [base64, "base64"]."""
    return base64.b64decode(encoded[0])


def account(address: str, value: Json | None, slot: int) -> ChainAccount | None:
    """Return the account of an RPC value, None where there is none."""
    if value is None:
        return None
    return ChainAccount(
        address=address,
        owner=value["owner"],
        lamports=value["lamports"],
        data=account_data(value["data"]),
        slot=slot,
        executable=value["executable"],
    )


def program_update(result: Json) -> AccountUpdate:
    """Return the update in a programNotification's result."""
    value = result["value"]
    changed = value["account"]
    return AccountUpdate(
        address=value["pubkey"],
        owner=changed["owner"],
        lamports=changed["lamports"],
        data=account_data(changed["data"]),
        slot=result["context"]["slot"],
    )


def account_update(address: str, result: Json) -> AccountUpdate:
    """Return the update in an accountNotification's result."""
    changed = result["value"]
    return AccountUpdate(
        address=address,
        owner=changed["owner"],
        lamports=changed["lamports"],
        data=account_data(changed["data"]),
        slot=result["context"]["slot"],
    )


def signature_status(value: Json | None) -> SignatureStatus | None:
    """Return a status of getSignatureStatuses; a missing confirmation means rooted."""
    if value is None:
        return None
    confirmation = value.get("confirmationStatus") or "finalized"
    return SignatureStatus(slot=value["slot"], error=value.get("err"), confirmation=confirmation)


def simulation(result: Json, addresses: Sequence[str]) -> Simulation:
    """Return the answer to simulateTransaction, with the accounts that were asked for."""
    slot, value = result["context"]["slot"], result["value"]
    returned = value.get("returnData")
    after = value.get("accounts") or ()
    return Simulation(
        error=value["err"],
        logs=tuple(value.get("logs") or ()),
        units=value.get("unitsConsumed") or 0,
        return_data=account_data(returned["data"]) if returned else None,
        slot=slot,
        accounts=tuple(account(address, one, slot) for address, one in zip(addresses, after, strict=False)),
    )


def transaction_record(signature: str, result: Json) -> TransactionRecord:
    """Return the record in getTransaction's answer (encoding `json`)."""
    meta, message = result["meta"], result["transaction"]["message"]
    loaded = meta.get("loadedAddresses") or {}
    addresses = (*message["accountKeys"], *loaded.get("writable", ()), *loaded.get("readonly", ()))
    return TransactionRecord(
        signature=signature,
        slot=result["slot"],
        error=meta["err"],
        fee_lamports=meta["fee"],
        compute_units=meta.get("computeUnitsConsumed"),
        addresses=tuple(addresses),
        lamports_before=tuple(meta["preBalances"]),
        lamports_after=tuple(meta["postBalances"]),
        token_balances=_token_balances(addresses, meta),
        logs=tuple(meta.get("logMessages") or ()),
    )


def _token_balances(addresses: Sequence[str], meta: Json) -> tuple[TokenBalance, ...]:
    before = {entry["accountIndex"]: entry for entry in meta.get("preTokenBalances") or ()}
    after = {entry["accountIndex"]: entry for entry in meta.get("postTokenBalances") or ()}
    return tuple(
        _token_balance(addresses[index], before.get(index), after.get(index)) for index in sorted({*before, *after})
    )


def _token_balance(address: str, before: Json | None, after: Json | None) -> TokenBalance:
    one = after or before or {}
    return TokenBalance(
        address=address, mint=one["mint"], owner=one["owner"], before=_amount(before), after=_amount(after)
    )


def _amount(entry: Json | None) -> int:
    return int(entry["uiTokenAmount"]["amount"]) if entry else 0
