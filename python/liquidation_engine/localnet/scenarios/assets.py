"""The market's assets: real mints, prices to start from, and the reserves' parameters."""

from dataclasses import dataclass

from solders.pubkey import Pubkey

from liquidation_engine.protocols.reference.accounts import WAD, ReserveConfig

DUST_LIMIT_MICRO_USD = 5_000_000
MAX_ORACLE_AGE_SLOTS = 150
CONFIDENCE_BPS = 5  # of the price, in every price the scenario writes


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """One reserve of the market before anybody has deposited."""

    symbol: str
    mint: Pubkey
    decimals: int
    exponent: int
    price: int  # USD a whole token, in `exponent`
    stable: bool = False
    config: ReserveConfig
    borrow_index: int  # interest that has grown before the scenario starts

    @property
    def unit_scale(self) -> int:
        """What turns a price into atto-USD per smallest unit."""
        return int(10 ** (self.exponent - self.decimals + 18))

    def unit(self, price: int) -> int:
        """Return atto-USD per smallest unit at `price`."""
        return price * self.unit_scale


def _config(
    ltv: int, threshold: int, bonus: tuple[int, int], *, factor: int = 10_000, close: int, fee: int = 1_000, rate: int
) -> ReserveConfig:
    return ReserveConfig(
        ltv_bps=ltv,
        liquidation_threshold_bps=threshold,
        borrow_factor_bps=factor,
        min_bonus_bps=bonus[0],
        max_bonus_bps=bonus[1],
        close_factor_bps=close,
        protocol_fee_bps=fee,
        max_confidence_bps=200,
        interest_rate_bps=rate,
        max_oracle_age_slots=MAX_ORACLE_AGE_SLOTS,
        dust_limit_micro_usd=DUST_LIMIT_MICRO_USD,
    )


def _asset(
    symbol: str, mint: str, decimals: int, exponent: int, price: int, config: ReserveConfig, *, index_bps: int
) -> Asset:
    return Asset(
        symbol=symbol,
        mint=Pubkey.from_string(mint),
        decimals=decimals,
        exponent=exponent,
        price=price,
        stable=symbol in ("USDC", "USDT"),
        config=config,
        borrow_index=WAD + WAD * index_bps // 10_000,
    )


# BONK's threshold is the listing mistake that the crash punishes: a gap of a fifth leaves it under water.
ASSETS: tuple[Asset, ...] = (
    _asset(
        "SOL",
        "So11111111111111111111111111111111111111112",
        9,
        -8,
        150_00000000,
        _config(7_400, 8_000, (300, 1_000), close=4_000, rate=600),
        index_bps=310,
    ),
    _asset(
        "USDC",
        "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v",
        6,
        -8,
        1_00000000,
        _config(8_000, 8_500, (200, 700), close=4_000, rate=900),
        index_bps=870,
    ),
    _asset(
        "USDT",
        "Es9vMFrzaCERmJfrF4H2FYD4KCoNkY11McCe8BenwNYB",
        6,
        -8,
        1_00000000,
        _config(7_700, 8_200, (200, 700), close=4_000, rate=800),
        index_bps=640,
    ),
    _asset(
        "BTC",
        "3NZ9JMVBmGAqocybic2c7LQCQScmgsAZ6vQqqDzcqmJh",
        8,
        -8,
        62_000_00000000,
        _config(7_500, 8_200, (300, 800), close=4_000, rate=300),
        index_bps=120,
    ),
    _asset(
        "ETH",
        "7vfCXTUXx5WJV5JADk17DUJ4ksgau7utNKj4b963voxs",
        8,
        -8,
        2_600_00000000,
        _config(7_500, 8_100, (300, 900), close=4_000, rate=350),
        index_bps=190,
    ),
    _asset(
        "JitoSOL",
        "J1toso1uCk3RLmjorhTtrVwY9HJ7X8V9yYac6Y7kGCPn",
        9,
        -8,
        172_50000000,
        _config(7_200, 7_900, (300, 1_000), close=4_000, rate=250),
        index_bps=80,
    ),
    _asset(
        "BONK",
        "DezXAZ8z7PnrnRJjz3wXBoRgixCa6xjnB7YaB1pPB263",
        5,
        -12,
        21_500_000,
        _config(8_000, 8_600, (500, 1_200), factor=12_000, close=5_000, rate=1_500),
        index_bps=1_140,
    ),
    _asset(
        "PYTH",
        "HZ1JovNiVvGrGNiiYvEozEVgZ58xaU3RkwX8eACQBCt3",
        6,
        -8,
        38_000_000,
        _config(5_500, 6_500, (500, 1_200), factor=11_500, close=5_000, rate=1_200),
        index_bps=520,
    ),
)

BY_SYMBOL = {asset.symbol: asset for asset in ASSETS}
STABLE = tuple(asset.symbol for asset in ASSETS if asset.stable)
VOLATILE = tuple(asset.symbol for asset in ASSETS if not asset.stable)
