"""Where marginfi's accounts are: programs, the main group, and everything that is derived from a bank or an account."""

from functools import lru_cache

from solders.pubkey import Pubkey

PROGRAM_ID = Pubkey.from_string("MFv2hWf31Z9kbCa1snEPYctwafyhdvnV7FZnsebVacA")
GROUP = Pubkey.from_string("4qp6Fx6tnZkY5Wropq9wUYgtFxXKwE6viZxFHg3rdAG8")
TOKEN_PROGRAM_ID = Pubkey.from_string("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA")
SYSTEM_PROGRAM_ID = Pubkey.default()
INSTRUCTIONS_SYSVAR = Pubkey.from_string("Sysvar1nstructions1111111111111111111111111")
PYTH_PUSH = Pubkey.from_string("pythWSnswVUd12oZpeFP8e9CVaEqJg25g1Vtc2biRsT")
SINGLE_POOL = Pubkey.from_string("SVSPxpvHdN29nkVg9rPapPNDddN5DipNLRUFhyjFThE")
SPONSORED_SHARDS = (0, 3301)
"""Shards of the Pyth prices that Pyth itself and marginfi keep fresh."""


@lru_cache(maxsize=65_536)
def _find(seeds: tuple[bytes, ...], program: Pubkey) -> Pubkey:
    return Pubkey.find_program_address(list(seeds), program)[0]


def liquidity_vault(bank: Pubkey) -> Pubkey:
    """Return the token account that holds a bank's deposits."""
    return _find((b"liquidity_vault", bytes(bank)), PROGRAM_ID)


def liquidity_vault_authority(bank: Pubkey) -> Pubkey:
    """Return who signs for the liquidity vault."""
    return _find((b"liquidity_vault_auth", bytes(bank)), PROGRAM_ID)


def insurance_vault(bank: Pubkey) -> Pubkey:
    """Return the token account that a liquidation's fee goes to."""
    return _find((b"insurance_vault", bytes(bank)), PROGRAM_ID)


def liquidation_record(account: Pubkey) -> Pubkey:
    """Return the record that a receivership of a margin account needs."""
    return _find((b"liq_record", bytes(account)), PROGRAM_ID)


def fee_state() -> Pubkey:
    """Return the account of the program's own fees."""
    return _find((b"feestate",), PROGRAM_ID)


def pyth_price(feed: bytes, shard: int = 0) -> Pubkey:
    """Return the account of a feed's sponsored price."""
    return _find((shard.to_bytes(2, "little"), feed), PYTH_PUSH)


def on_ramp(vote: Pubkey) -> Pubkey:
    """Return the second stake account of a validator's pool."""
    pool = _find((b"pool", bytes(vote)), SINGLE_POOL)
    return _find((b"onramp", bytes(pool)), SINGLE_POOL)
