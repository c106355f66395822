"""Kamino's fixed addresses, and those that it derives from others. A reserve's vaults and mints stand in the reserve."""

from solders.pubkey import Pubkey

PROGRAM_ID = Pubkey.from_string("KLend2g3cP87fffoy8q1mQqGKjrxjC8boSyAYavgmjD")
FARMS_PROGRAM_ID = Pubkey.from_string("FarmsPZpWu9i7Kky8tPN37rs2TpmMrAZrC7S7vJa91Hr")
INSTRUCTIONS_SYSVAR = Pubkey.from_string("Sysvar1nstructions1111111111111111111111111")
RENT_SYSVAR = Pubkey.from_string("SysvarRent111111111111111111111111111111111")
SYSTEM_PROGRAM_ID = Pubkey.default()
NOTHING = Pubkey.default()
"""What stands where an account names none."""


def market_authority(market: Pubkey) -> Pubkey:
    """Return the address that signs for a market's tokens."""
    return Pubkey.find_program_address([b"lma", bytes(market)], PROGRAM_ID)[0]


def referrer_token_state(referrer: Pubkey, reserve: Pubkey) -> Pubkey:
    """Return where a referrer's fees in one reserve are kept."""
    return Pubkey.find_program_address([b"referrer_acc", bytes(referrer), bytes(reserve)], PROGRAM_ID)[0]


def farm_user_state(farm: Pubkey, obligation: Pubkey) -> Pubkey:
    """Return where a farm counts an obligation's rewards."""
    return Pubkey.find_program_address([b"user", bytes(farm), bytes(obligation)], FARMS_PROGRAM_ID)[0]
