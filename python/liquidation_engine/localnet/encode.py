"""Accounts and transactions in the JSON shapes of Solana's RPC nodes."""

from base64 import b64encode
from typing import Any

import orjson
from solders.instruction import CompiledInstruction
from solders.message import Message, MessageV0
from solders.pubkey import Pubkey
from solders.transaction_metadata import TransactionMetadata

from liquidation_engine.localnet.accounts import AccountVersion
from liquidation_engine.localnet.answers import RpcFault
from liquidation_engine.localnet.history import Landed
from liquidation_engine.localnet.tokens import parsed, token_balances

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_DIGITS = {character: value for value, character in enumerate(_ALPHABET)}
MAX_BASE58_BYTES = 128


def base58(data: bytes) -> str:
    """Return `data` in Bitcoin's base58."""
    number, text = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = _ALPHABET[digit] + text
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + text


def from_base58(text: str) -> bytes:
    """Return the bytes that `text` stands for; raise ValueError for a character that is no digit."""
    number = 0
    for character in text:
        if character not in _DIGITS:
            raise ValueError(f"{character!r} is no base58 digit")
        number = number * 58 + _DIGITS[character]
    zeros = len(text) - len(text.lstrip("1"))
    return b"\0" * zeros + number.to_bytes((number.bit_length() + 7) // 8, "big")


def account(
    version: AccountVersion, encoding: str, data_slice: tuple[int, int] | None, decimals: int | None = None
) -> orjson.Fragment | dict[str, Any]:
    """Return an account in `encoding`, its data cut to (offset, length); `decimals` of a token account's mint."""
    if encoding == "base64" and data_slice is None:
        return orjson.Fragment(version.ui_base64)
    return {
        "data": _account_data(version, encoding, data_slice, decimals),
        "executable": version.executable,
        "lamports": version.lamports,
        "owner": str(version.owner),
        "rentEpoch": 2**64 - 1,
        "space": len(version.data),
    }


def _account_data(
    version: AccountVersion, encoding: str, data_slice: tuple[int, int] | None, decimals: int | None
) -> Any:
    data = version.data if data_slice is None else version.data[data_slice[0] : sum(data_slice)]
    if encoding == "jsonParsed":
        return parsed(version, decimals) or [b64encode(data).decode(), "base64"]
    if encoding == "base64":
        return [b64encode(data).decode(), "base64"]
    if len(data) > MAX_BASE58_BYTES:
        raise RpcFault(
            -32600, "Encoded binary (base 58) data should be less than 128 bytes, please use Base64 encoding."
        )
    return [base58(data), "base58"] if encoding == "base58" else base58(data)


def transaction(landed: Landed, encoding: str, block_time: int) -> dict[str, Any]:
    """Return what getTransaction answers."""
    legacy = isinstance(landed.decoded.message, Message)
    return {
        "slot": landed.slot,
        "blockTime": block_time,
        "transaction": _encoded_transaction(landed, encoding),
        "meta": _meta(landed, encoding),
        "version": "legacy" if legacy else 0,
    }


def _encoded_transaction(landed: Landed, encoding: str) -> Any:
    raw = bytes(landed.decoded.transaction)
    if encoding == "base64":
        return [b64encode(raw).decode(), "base64"]
    if encoding == "base58":
        return [base58(raw), "base58"]
    message = landed.decoded.message
    body: dict[str, Any] = {"recentBlockhash": str(message.recent_blockhash)}
    if encoding == "jsonParsed":
        body["accountKeys"] = _parsed_keys(landed)
        body["instructions"] = [_partly_decoded(one, landed, 1) for one in message.instructions]
    else:
        header = message.header
        body["header"] = {
            "numRequiredSignatures": header.num_required_signatures,
            "numReadonlySignedAccounts": header.num_readonly_signed_accounts,
            "numReadonlyUnsignedAccounts": header.num_readonly_unsigned_accounts,
        }
        body["accountKeys"] = [str(key) for key in message.account_keys]
        body["instructions"] = [_compiled(one, 1) for one in message.instructions]
    if isinstance(message, MessageV0):
        body["addressTableLookups"] = [
            {
                "accountKey": str(lookup.account_key),
                "writableIndexes": list(lookup.writable_indexes),
                "readonlyIndexes": list(lookup.readonly_indexes),
            }
            for lookup in message.address_table_lookups
        ]
    return {"signatures": [str(one) for one in landed.decoded.transaction.signatures], "message": body}


def _parsed_keys(landed: Landed) -> list[dict[str, Any]]:
    signers = landed.decoded.message.header.num_required_signatures
    return [
        {
            "pubkey": str(key),
            "signer": index < signers,
            "source": "transaction" if index < landed.keys.static_count else "lookupTable",
            "writable": index in landed.keys.writable,
        }
        for index, key in enumerate(landed.keys.all)
    ]


def _compiled(instruction: CompiledInstruction, stack_height: int) -> dict[str, Any]:
    return {
        "programIdIndex": instruction.program_id_index,
        "accounts": list(instruction.accounts),
        "data": base58(bytes(instruction.data)),
        "stackHeight": stack_height,
    }


def _partly_decoded(instruction: CompiledInstruction, landed: Landed, stack_height: int) -> dict[str, Any]:
    keys = landed.keys.all
    return {
        "programId": str(keys[instruction.program_id_index]),
        "accounts": [str(keys[index]) for index in instruction.accounts],
        "data": base58(bytes(instruction.data)),
        "stackHeight": stack_height,
    }


def _meta(landed: Landed, encoding: str) -> dict[str, Any]:
    meta, error = landed.meta, landed.error
    writable, readonly = landed.keys.loaded()
    body: dict[str, Any] = {
        "err": error,
        "status": {"Ok": None} if error is None else {"Err": error},
        "fee": landed.fee,
        "preBalances": landed.before.lamports,
        "postBalances": landed.after.lamports,
        "preTokenBalances": token_balances(landed.before.token_accounts, landed.mint_decimals),
        "postTokenBalances": token_balances(landed.after.token_accounts, landed.mint_decimals),
        "innerInstructions": inner_instructions(meta, landed if encoding == "jsonParsed" else None),
        "logMessages": meta.logs(),
        "rewards": [],
        "computeUnitsConsumed": meta.compute_units_consumed(),
    }
    if encoding != "jsonParsed":
        body["loadedAddresses"] = {"writable": _texts(writable), "readonly": _texts(readonly)}
    if (returned := return_data(meta)) is not None:
        body["returnData"] = returned
    return body


def inner_instructions(meta: TransactionMetadata, parsed_for: Landed | None = None) -> list[dict[str, Any]]:
    """Return the instructions that programs called, by the outer instruction's index."""
    shown = []
    for index, inner in enumerate(meta.inner_instructions()):
        instructions = []
        for one in inner:
            height = one.stack_height() or 2
            if parsed_for is None:
                instructions.append(_compiled(one.instruction(), height))
            else:
                instructions.append(_partly_decoded(one.instruction(), parsed_for, height))
        if instructions:
            shown.append({"index": index, "instructions": instructions})
    return shown


def return_data(meta: TransactionMetadata) -> dict[str, Any] | None:
    """Return what the last program returned, None if it returned nothing."""
    returned = meta.return_data()
    data = bytes(returned.data)
    if not data:
        return None
    return {"programId": str(returned.program_id), "data": [b64encode(data).decode(), "base64"]}


def _texts(keys: list[Pubkey]) -> list[str]:
    return [str(key) for key in keys]
