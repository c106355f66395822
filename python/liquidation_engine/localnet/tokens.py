"""SPL Token accounts and mints, as far as a node shows them: balances in transactions, and parsed accounts."""

from collections.abc import Iterable
from typing import Any

from solders.pubkey import Pubkey

from liquidation_engine.localnet.accounts import AccountVersion

TOKEN_PROGRAM = Pubkey.from_string("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA")
TOKEN_2022_PROGRAM = Pubkey.from_string("TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb")
_PROGRAM_NAMES = {TOKEN_PROGRAM: "spl-token", TOKEN_2022_PROGRAM: "spl-token-2022"}
ACCOUNT_BYTES = 165
MINT_BYTES = 82
_STATES = {1: "initialized", 2: "frozen"}


def is_token_account(version: AccountVersion | None) -> bool:
    """Return whether this is an SPL Token account that holds some mint's tokens."""
    return (
        version is not None
        and version.owner in _PROGRAM_NAMES
        and len(version.data) >= ACCOUNT_BYTES
        and version.data[108] in _STATES
        and (len(version.data) == ACCOUNT_BYTES or version.data[ACCOUNT_BYTES] == 2)
    )


def is_mint(version: AccountVersion | None) -> bool:
    """Return whether this is an initialized SPL Token mint."""
    return (
        version is not None
        and version.owner in _PROGRAM_NAMES
        and (len(version.data) == MINT_BYTES or (len(version.data) > ACCOUNT_BYTES and version.data[165] == 1))
        and version.data[45] == 1
    )


def mint_of(version: AccountVersion) -> Pubkey:
    """Return a token account's mint."""
    return Pubkey(version.data[:32])


def holder_of(version: AccountVersion) -> Pubkey:
    """Return who may spend from a token account."""
    return Pubkey(version.data[32:64])


def amount_of(version: AccountVersion) -> int:
    """Return a token account's balance in the mint's smallest unit."""
    return int.from_bytes(version.data[64:72], "little")


def decimals_of(version: AccountVersion) -> int:
    """Return a mint's decimals."""
    return version.data[44]


def ui_amount(amount: int, decimals: int) -> dict[str, Any]:
    """Return an amount as nodes show it."""
    digits = str(amount).rjust(decimals + 1, "0")
    whole, fraction = (digits[:-decimals], digits[-decimals:]) if decimals else (digits, "")
    text = f"{whole}.{fraction}".rstrip("0").rstrip(".") if decimals else whole
    return {"amount": str(amount), "decimals": decimals, "uiAmount": amount / 10**decimals, "uiAmountString": text}


def token_balances(
    token_accounts: Iterable[tuple[int, AccountVersion]], decimals: dict[Pubkey, int]
) -> list[dict[str, Any]]:
    """Return the balances of a transaction's token accounts, by their place among its keys, as getTransaction does."""
    balances = []
    for index, version in token_accounts:
        mint = mint_of(version)
        balances.append(
            {
                "accountIndex": index,
                "mint": str(mint),
                "owner": str(holder_of(version)),
                "programId": str(version.owner),
                "uiTokenAmount": ui_amount(amount_of(version), decimals.get(mint, 0)),
            }
        )
    return balances


def parsed(version: AccountVersion, decimals: int | None) -> dict[str, Any] | None:
    """Return the `data` of the encoding jsonParsed, None for accounts that are shown in base64 instead."""
    if is_token_account(version) and decimals is not None:
        kind, info = "account", _account_info(version, decimals)
    elif is_mint(version):
        kind, info = "mint", _mint_info(version)
    else:
        return None
    return {
        "program": _PROGRAM_NAMES[version.owner],
        "parsed": {"type": kind, "info": info},
        "space": len(version.data),
    }


def _account_info(version: AccountVersion, decimals: int) -> dict[str, Any]:
    data = version.data
    info: dict[str, Any] = {
        "isNative": _option(data, 109),
        "mint": str(mint_of(version)),
        "owner": str(holder_of(version)),
        "state": _STATES[data[108]],
        "tokenAmount": ui_amount(amount_of(version), decimals),
    }
    if _option(data, 72):
        info["delegate"] = str(Pubkey(data[76:108]))
        info["delegatedAmount"] = ui_amount(int.from_bytes(data[121:129], "little"), decimals)
    if _option(data, 129):
        info["closeAuthority"] = str(Pubkey(data[133:165]))
    if _option(data, 109):
        info["rentExemptReserve"] = ui_amount(int.from_bytes(data[113:121], "little"), decimals)
    return info


def _mint_info(version: AccountVersion) -> dict[str, Any]:
    data = version.data
    return {
        "decimals": decimals_of(version),
        "freezeAuthority": str(Pubkey(data[50:82])) if _option(data, 46) else None,
        "isInitialized": True,
        "mintAuthority": str(Pubkey(data[4:36])) if _option(data, 0) else None,
        "supply": str(int.from_bytes(data[36:44], "little")),
    }


def _option(data: bytes, offset: int) -> bool:
    return int.from_bytes(data[offset : offset + 4], "little") == 1
