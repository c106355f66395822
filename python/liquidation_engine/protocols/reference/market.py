"""A market's standing facts: which reserves it has, their mints and oracles, and the last prices read."""

from dataclasses import dataclass, field

from solders.pubkey import Pubkey

from liquidation_engine.chain.rpc import RpcClient
from liquidation_engine.errors import ConfigError
from liquidation_engine.protocols.reference import instructions
from liquidation_engine.protocols.reference.accounts import MarketAccount, OracleAccount, ReserveAccount

ATTO_PER_MICRO = 10**12


@dataclass(slots=True)
class ReserveFacts:
    """What does not change about a reserve, and the last price read."""

    address: Pubkey
    mint: str
    oracle: Pubkey
    decimals: int
    max_oracle_age_slots: int
    price: int = 0
    exponent: int = 0

    @property
    def pair(self) -> instructions.Pair:
        """The accounts an instruction names it by."""
        return instructions.Pair(self.address, self.oracle)

    @property
    def unit(self) -> int:
        """Atto-USD per smallest unit."""
        return int(self.price * 10 ** (self.exponent - self.decimals + 18))


@dataclass(slots=True)
class MarketMap:
    """The market's standing facts: its reserves, and which funds there are."""

    market: Pubkey
    reserves: dict[str, ReserveFacts] = field(default_factory=dict)  # by address
    by_mint: dict[str, ReserveFacts] = field(default_factory=dict)


async def load_market(rpc: RpcClient, program: str, market: str | None) -> MarketMap:
    """Read the market and its reserves; ConfigError when there is none, or several and none was named."""
    _, found = await rpc.program_accounts(program, filters=[{"dataSize": MarketAccount.SIZE}])
    markets = [address for address, _ in found]
    if market is None and len(markets) == 1:
        market = markets[0]
    if market is None or market not in markets:
        known = ", ".join(sorted(markets)) or "none"
        raise ConfigError(f"MARKET is {market or 'not set'}; the program {program} has these markets: {known}")
    pubkey = Pubkey.from_string(market)
    loaded = MarketMap(pubkey)
    _, accounts = await rpc.program_accounts(program, filters=[{"dataSize": ReserveAccount.SIZE}])
    for address, account in accounts:
        reserve = ReserveAccount.decode(account.data)
        if reserve.market == pubkey:
            one = ReserveFacts(
                Pubkey.from_string(address),
                str(reserve.mint),
                reserve.oracle,
                reserve.decimals,
                reserve.config.max_oracle_age_slots,
            )
            loaded.reserves[address] = loaded.by_mint[one.mint] = one
    if not loaded.reserves:
        raise ConfigError(f"the market {market} has no reserves")
    return loaded


async def overdue_oracles(rpc: RpcClient, market: MarketMap) -> list[str]:
    """Return the mints whose price is older than the program accepts."""
    reserves = list(market.reserves.values())
    slot, found = await rpc.accounts([str(reserve.oracle) for reserve in reserves])
    stale = []
    for reserve, account in zip(reserves, found, strict=True):
        age = slot - OracleAccount.decode(account.data).slot if account is not None else slot
        if age > reserve.max_oracle_age_slots:
            stale.append(reserve.mint)
    return stale
