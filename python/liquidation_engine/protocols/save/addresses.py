"""Save's fixed addresses, and the one that a market derives."""

from solders.pubkey import Pubkey

PROGRAM_ID = Pubkey.from_string("So1endDq2YkqhipRh3WViPa8hdiSpxWy6z3Z6tMCpAo")
TOKEN_PROGRAM_ID = Pubkey.from_string("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA")
INSTRUCTIONS_SYSVAR = Pubkey.from_string("Sysvar1nstructions1111111111111111111111111")
NO_ORACLE = Pubkey.from_string("nu11111111111111111111111111111111111111111")
"""What a reserve names where it has no oracle; the account does not exist."""


def market_authority(market: Pubkey, bump: int) -> Pubkey:
    """Return the address that signs for a market's tokens."""
    return Pubkey.create_program_address([bytes(market), bytes([bump])], PROGRAM_ID)
