"""Where the program's accounts are: every one is derived from its seeds, so nothing has to be looked up."""

from functools import lru_cache

from solders.pubkey import Pubkey

from liquidation_engine.errors import ConfigError

PROGRAM_ID = Pubkey.from_string("8jawtrE8eiGy1sdegEkN3NQxKefQrpRG1bvJTPZ4ys3j")
TOKEN_PROGRAM_ID = Pubkey.from_string("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA")
SYSTEM_PROGRAM_ID = Pubkey.default()
SOL_MINT = Pubkey.from_string("So11111111111111111111111111111111111111112")


def parse(text: str) -> Pubkey:
    """Return the address that base58 text names; ConfigError for any other text."""
    try:
        return Pubkey.from_string(text)
    except ValueError as error:
        raise ConfigError(f"{text!r} is not an address: expected base58 of 32 bytes") from error


@lru_cache(maxsize=65_536)
def _find(seeds: tuple[bytes, ...], program: Pubkey) -> tuple[Pubkey, int]:
    return Pubkey.find_program_address(list(seeds), program)


def market(creator: Pubkey, market_id: int, *, program: Pubkey = PROGRAM_ID) -> tuple[Pubkey, int]:
    """Return address and bump of the market that `creator` made under this id."""
    return _find((b"market", bytes(creator), market_id.to_bytes(8, "little")), program)


def reserve(market: Pubkey, mint: Pubkey, *, program: Pubkey = PROGRAM_ID) -> tuple[Pubkey, int]:
    """Return address and bump of a market's reserve of a mint."""
    return _find((b"reserve", bytes(market), bytes(mint)), program)


def vault(reserve: Pubkey, *, program: Pubkey = PROGRAM_ID) -> tuple[Pubkey, int]:
    """Return address and bump of a reserve's token account."""
    return _find((b"vault", bytes(reserve)), program)


def oracle(authority: Pubkey, mint: Pubkey, *, program: Pubkey = PROGRAM_ID) -> tuple[Pubkey, int]:
    """Return address and bump of the oracle that `authority` keeps for a mint."""
    return _find((b"oracle", bytes(authority), bytes(mint)), program)


def position(market: Pubkey, owner: Pubkey, position_id: int, *, program: Pubkey = PROGRAM_ID) -> tuple[Pubkey, int]:
    """Return address and bump of an owner's position."""
    return _find((b"position", bytes(market), bytes(owner), position_id.to_bytes(8, "little")), program)


def insurance_fund(mint: Pubkey, *, program: Pubkey = PROGRAM_ID) -> tuple[Pubkey, int]:
    """Return address and bump of a mint's insurance fund; SOL's has no mint in its seeds."""
    seeds: tuple[bytes, ...] = (b"insurance_fund",)
    return _find(seeds if mint == SOL_MINT else (*seeds, bytes(mint)), program)


def insurance_vault(mint: Pubkey, *, program: Pubkey = PROGRAM_ID) -> tuple[Pubkey, int]:
    """Return address and bump of the token account of a mint's insurance fund."""
    return _find((b"insurance_vault", bytes(mint)), program)
