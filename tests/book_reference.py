"""The reference program's accounts and arithmetic in slow, plain Python: the second witness of the Rust book.

Written from docs/reference-program.md alone; shares nothing with the engine.
"""

from dataclasses import dataclass, field, replace
from fractions import Fraction
from hashlib import sha256
from struct import pack

PROGRAM, MARKET, OWNER = b"P" * 32, b"M" * 32, b"O" * 32
BPS, WAD, YEAR, U64, U128 = 10_000, 10**18, 78_840_000, 2**64 - 1, 2**128 - 1
COLLATERAL, DEBT = 1, 2


class ProgramRefusalError(Exception):
    """The program refuses, by name."""


@dataclass(frozen=True)
class Reserve:
    number: int
    decimals: int = 6
    ltv: int = 7_000
    threshold: int = 8_000
    borrow_factor: int = 11_000
    min_bonus: int = 200
    max_bonus: int = 1_000
    close_factor: int = 5_000
    protocol_fee: int = 1_000
    max_confidence: int = 200
    rate: int = 0
    max_age: int = 1_000
    dust: int = 1_000_000
    index: int = WAD
    accrued: int = 0
    price: int = 100
    confidence: int = 0
    exponent: int = -2
    oracle_slot: int = 0

    @property
    def address(self) -> bytes:
        return address("reserve", self.number)

    @property
    def oracle(self) -> bytes:
        return address("oracle", self.number)

    @property
    def mint(self) -> bytes:
        return address("mint", self.number)

    def account(self) -> bytes:
        config = pack("<HHIHHHHHxxIQQ", self.ltv, self.threshold, self.borrow_factor, self.min_bonus, self.max_bonus,
                      self.close_factor, self.protocol_fee, self.max_confidence, self.rate, self.max_age, self.dust)  # fmt: skip
        body = pack("<B5x", self.decimals) + MARKET + self.mint + address("vault", self.number) + self.oracle + config
        totals = pack("<QQ", 0, 0) + self.index.to_bytes(16, "little") + pack("<QQQQ", self.accrued, 0, 0, 0)
        return sealed("Reserve", body + totals, 256)

    def oracle_account(self) -> bytes:
        head = pack("<2xi", self.exponent) + OWNER + self.mint
        return sealed("Oracle", head + pack("<QQQQ", self.price, self.confidence, self.oracle_slot, 1), 128)

    def unit(self) -> int:
        return self.price * 10 ** (self.exponent - self.decimals + 18)

    def index_at(self, now: int) -> int:
        return self.index + up(self.index * self.rate * max(0, now - self.accrued), BPS * YEAR)

    def refusal(self, now: int) -> str | None:
        if self.price == 0 or now - self.oracle_slot > self.max_age:
            return "stale_price"
        return "uncertain_price" if self.confidence * BPS > self.price * self.max_confidence else None


@dataclass(frozen=True)
class Position:
    number: int
    legs: tuple[tuple[int, int, int], ...] = ()  # reserve's number, side, amount
    version: int = 0
    slot: int = 0

    @property
    def address(self) -> bytes:
        return address("position", self.number)

    def account(self) -> bytes:
        head = pack("<B5x", len(self.legs)) + MARKET + OWNER + pack("<QQQ", 1, self.version, self.slot)
        legs = (address("reserve", number) + pack("<QB7x", amount, side) for number, side, amount in self.legs)
        return sealed("Position", head + b"".join(legs), 488)


@dataclass
class Market:
    """All accounts, and what the program would say of them."""

    reserves: dict[int, Reserve]
    positions: dict[int, Position] = field(default_factory=dict)

    def accounts(self) -> dict[bytes, bytes]:
        found = {MARKET: market_account()}
        for reserve in self.reserves.values():
            found |= {reserve.address: reserve.account(), reserve.oracle: reserve.oracle_account()}
        return found | {position.address: position.account() for position in self.positions.values()}

    def sums(self, position: Position, now: int) -> tuple[int, int, int, int]:
        """Return Cw, Dw, C, D."""
        weighted, total = {COLLATERAL: 0, DEBT: 0}, {COLLATERAL: 0, DEBT: 0}
        for number, side, amount in position.legs:
            reserve = self.reserves[number]
            tokens = amount if side == COLLATERAL else checked(up(amount * reserve.index_at(now), WAD), U64)
            value = checked(tokens * reserve.unit(), U128)
            total[side] = checked(total[side] + value, U128)
            if side == COLLATERAL:
                weighted[side] += value * reserve.threshold // BPS
            else:
                weighted[side] += checked(up(value * reserve.borrow_factor, BPS), U128)
            checked(weighted[side], U128)
        return weighted[COLLATERAL], weighted[DEBT], total[COLLATERAL], total[DEBT]

    def health(self, position: Position, now: int) -> tuple[int, int, bool, str | None]:
        """Return what PositionBook.health should."""
        sides = {side for _, side, _ in position.legs}
        try:
            weighted, debt, *_ = self.sums(position, now)
            reason = next(filter(None, (self.reserves[number].refusal(now) for number, *_ in position.legs)), None)
        except ProgramRefusalError:
            weighted, debt, reason = 0, 0, "overflow"
        if DEBT not in sides:
            return weighted, debt, False, None
        if COLLATERAL not in sides:
            return weighted, debt, True, "bad_debt"
        return weighted, debt, reason is None and weighted < debt, reason

    def liquidate(self, position: Position, debt: int, collateral: int, amount: int, now: int) -> dict[str, int | str]:
        """Return what one liquidation moves, by the eight steps of the contract with exact fractions; or refuse."""
        cw, dw, c, d = self.sums(position, now)
        if cw >= dw:
            raise ProgramRefusalError("Healthy")
        from_, to = self.reserves[debt], self.reserves[collateral]
        s, a = (held for number, _, held in sorted(position.legs, key=lambda leg: leg[0] != debt) if number in (debt, collateral))  # fmt: skip
        index, ud, uc = from_.index_at(now), from_.unit(), to.unit()
        whole = c * BPS <= d * (BPS + to.min_bonus)
        wanted = min(max((dw - cw) * BPS // dw, to.min_bonus), to.max_bonus)
        b = to.min_bonus if whole else min(wanted, (c - d) * BPS // d)
        rest = lambda x: up((s - x) * index, WAD) * ud  # noqa: E731
        dust = from_.dust * 10**12
        limit = s if whole else s * from_.close_factor // BPS
        if rest(limit) < dust:
            limit = s
        z = lambda x: int(Fraction(x * index // WAD * ud * (BPS + b), BPS * uc))  # noqa: E731
        takes_all = z(limit) >= a
        if takes_all:
            need = up(a * uc * BPS, ud * (BPS + b))
            limit = min(limit, up(need * WAD, index))
        x = limit if amount >= up(limit * index, WAD) else amount * WAD // index
        if x == 0 or (whole and x < limit):
            raise ProgramRefusalError("AmountTooSmall")
        if x < limit and rest(x) < dust:
            raise ProgramRefusalError("DustLeft")
        seize = a if takes_all and x == limit else z(x)
        if seize == 0:
            raise ProgramRefusalError("AmountTooSmall")
        fee = up((seize - seize * BPS // (BPS + b)) * to.protocol_fee, BPS)
        return {
            "repaid": up(x * index, WAD),
            "seized": seize,
            "seized_net": seize - fee,
            "fee": fee,
            "bonus_bps": b,
            "mode": "whole" if whole else "partial",
            "debt_left_tokens": up((s - x) * index, WAD),
            "collateral_left": a - seize,
            "repaid_micro_usd": up(up(x * index, WAD) * ud, 10**12),
            "seized_micro_usd": (seize - fee) * uc // 10**12,
            "fee_micro_usd": up(fee * uc, 10**12),
            "shares": x,
        }

    def after(self, position: Position, debt: int, collateral: int, quote: dict[str, int | str]) -> Position:
        """Return the position that a liquidation leaves."""
        taken = {debt: quote["shares"], collateral: quote["seized"]}
        left = ((number, side, amount - int(taken.get(number, 0))) for number, side, amount in position.legs)
        return replace(position, legs=tuple(leg for leg in left if leg[2]), version=position.version + 1)


def up(numerator: int, denominator: int) -> int:
    """Return the quotient, rounded up."""
    return -(-numerator // denominator)


def checked(value: int, most: int) -> int:
    """Return the value, or refuse as the program's types would."""
    if value > most:
        raise ProgramRefusalError("Overflow")
    return value


def address(kind: str, number: int) -> bytes:
    """Return a made-up address."""
    return sha256(f"{kind} {number}".encode()).digest()


def sealed(kind: str, body: bytes, length: int) -> bytes:
    """Return an account: discriminator, layout 1, bump 255, body, zeros."""
    return (sha256(f"account:{kind}".encode()).digest()[:8] + b"\x01\xff" + body).ljust(length, b"\0")


def market_account(*, paused: bool = False) -> bytes:
    """Return the market's account."""
    return sealed("Market", pack("<B5x", paused) + OWNER + OWNER + pack("<QQ", 1, 4) + OWNER, 160)
