"""SPL token accounts and mints as bytes: read a balance, write a genesis."""

import struct

from solders.pubkey import Pubkey

from liquidation_engine.errors import DecodeError


def pack_token_account(mint: Pubkey, owner: Pubkey, amount: int, *, native_rent: int | None = None) -> bytes:
    """Return an SPL token account's 165 bytes, for a genesis; wrapped SOL says its rent-exempt lamports."""
    native = (0, 0) if native_rent is None else (1, native_rent)
    return struct.pack(
        "<32s32sQI32sBIQQI32s", bytes(mint), bytes(owner), amount, 0, bytes(32), 1, *native, 0, 0, bytes(32)
    )


def pack_mint(authority: Pubkey | None, supply: int, decimals: int) -> bytes:
    """Return an SPL mint's 82 bytes, for a genesis."""
    has_authority = 0 if authority is None else 1
    return struct.pack(
        "<I32sQBBI32s", has_authority, bytes(authority or Pubkey.default()), supply, decimals, 1, 0, bytes(32)
    )


def token_amount(data: bytes) -> int:
    """Return the balance in an SPL token account's bytes."""
    if len(data) != 165:
        raise DecodeError(f"a token account has {len(data)} bytes, expected 165")
    return int(struct.unpack_from("<Q", data, 64)[0])
