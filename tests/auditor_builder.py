"""Builds tiny lending markets, byte by byte from the program's contract, for the auditor's tests."""

import struct
from dataclasses import dataclass, field
from hashlib import sha256

from solders.pubkey import Pubkey

from liquidation_auditor.recording import AccountRow

WAD = 10**18
TOKEN_PROGRAM = Pubkey.from_string("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA")
SYSTEM_PROGRAM = Pubkey.default()
WRAPPED_SOL = Pubkey.from_string("So11111111111111111111111111111111111111112")
PROGRAM = Pubkey.from_bytes(b"lending-program-of-auditor-tests")
AUTHORITY = Pubkey.from_bytes(b"authority-of-the-tests-oracles--")
WALLET = Pubkey.from_bytes(b"wallet-that-the-engine-signs-for")
CREATOR = Pubkey.from_bytes(b"creator-of-the-tests-market-----")


def named(name: str) -> Pubkey:
    """Return an address that belongs to a name."""
    return Pubkey.from_bytes(sha256(name.encode()).digest())


def pda(*seeds: bytes) -> tuple[Pubkey, int]:
    return Pubkey.find_program_address(list(seeds), PROGRAM)


MARKET, MARKET_BUMP = pda(b"market", bytes(CREATOR), (0).to_bytes(8, "little"))


def head(kind: str, bump: int) -> bytes:
    return sha256(f"account:{kind}".encode()).digest()[:8] + bytes([1, bump])


def token_data(mint: Pubkey, owner: Pubkey, amount: int, rent: int | None = None) -> bytes:
    native = struct.pack("<IQ", 1, rent) if rent is not None else bytes(12)
    return struct.pack("<32s32sQ36sB", bytes(mint), bytes(owner), amount, bytes(36), 1) + native + bytes(44)


@dataclass(kw_only=True)
class Asset:
    """A mint, its reserve and its oracle; change a field and take `rows()` again."""

    mint: Pubkey
    decimals: int = 6
    exponent: int = -6
    price: int = 1_000_000
    confidence: int = 0
    price_slot: int = 100
    threshold_bps: int = 8_000
    borrow_factor_bps: int = 10_000
    min_bonus_bps: int = 200
    max_bonus_bps: int = 1_000
    close_factor_bps: int = 5_000
    protocol_fee_bps: int = 1_000
    max_confidence_bps: int = 200
    interest_rate_bps: int = 0
    max_age_slots: int = 1_000_000
    dust_micro_usd: int = 0
    index: int = WAD
    accrued_slot: int = 100
    total_deposits: int = 0
    total_debt_shares: int = 0
    vault_tokens: int = 10**12
    fund_tokens: int = 10**9

    @property
    def reserve(self) -> Pubkey:
        return pda(b"reserve", bytes(MARKET), bytes(self.mint))[0]

    @property
    def vault(self) -> Pubkey:
        return pda(b"vault", bytes(self.reserve))[0]

    @property
    def oracle(self) -> Pubkey:
        return pda(b"oracle", bytes(AUTHORITY), bytes(self.mint))[0]

    @property
    def fund(self) -> Pubkey:
        return self._fund()[0]

    @property
    def fund_vault(self) -> Pubkey:
        return pda(b"insurance_vault", bytes(self.mint))[0]

    def _fund(self) -> tuple[Pubkey, int]:
        return pda(b"insurance_fund") if self.mint == WRAPPED_SOL else pda(b"insurance_fund", bytes(self.mint))

    def reserve_data(self) -> bytes:
        data = head("Reserve", pda(b"reserve", bytes(MARKET), bytes(self.mint))[1]) + bytes([self.decimals]) + bytes(5)
        data += bytes(MARKET) + bytes(self.mint) + bytes(self.vault) + bytes(self.oracle)
        data += struct.pack("<HHIHHHHHHIQQ", 5_000, self.threshold_bps, self.borrow_factor_bps, self.min_bonus_bps,
                            self.max_bonus_bps, self.close_factor_bps, self.protocol_fee_bps, self.max_confidence_bps, 0,
                            self.interest_rate_bps, self.max_age_slots, self.dust_micro_usd)  # fmt: skip
        data += struct.pack("<QQ", self.total_deposits, self.total_debt_shares) + self.index.to_bytes(16, "little")
        return data + struct.pack("<QQQQ", self.accrued_slot, 0, 0, 0) + bytes(8)

    def oracle_data(self) -> bytes:
        data = head("Oracle", pda(b"oracle", bytes(AUTHORITY), bytes(self.mint))[1]) + bytes(2)
        data += struct.pack("<i", self.exponent) + bytes(AUTHORITY) + bytes(self.mint)
        return data + struct.pack("<QQQQ", self.price, self.confidence, self.price_slot, 1) + bytes(16)

    def fund_data(self) -> bytes:
        data = head("InsuranceFund", self._fund()[1]) + bytes(6) + bytes(self.mint) + bytes(self.fund_vault)
        return data + struct.pack("<QQQ", self.fund_tokens, 0, 0) + bytes(MARKET) + bytes(8)

    def mint_data(self) -> bytes:
        return struct.pack("<I32sQBBI32s", 0, bytes(32), 2**62, self.decimals, 1, 0, bytes(32))

    def accounts(self) -> dict[Pubkey, tuple[Pubkey, bytes]]:
        """Return all accounts of the asset: address → (owner, data)."""
        return {
            self.mint: (TOKEN_PROGRAM, self.mint_data()),
            self.reserve: (PROGRAM, self.reserve_data()),
            self.vault: (TOKEN_PROGRAM, token_data(self.mint, MARKET, self.vault_tokens)),
            self.oracle: (PROGRAM, self.oracle_data()),
            self.fund: (PROGRAM, self.fund_data()),
            self.fund_vault: (TOKEN_PROGRAM, token_data(self.mint, self.fund, self.fund_tokens)),
        }


@dataclass(kw_only=True)
class Borrower:
    """A position with legs (asset, tokens of collateral or shares of debt)."""

    name: str
    collateral: list[tuple[Asset, int]]
    debt: list[tuple[Asset, int]]
    version: int = 0

    @property
    def owner(self) -> Pubkey:
        return named(self.name)

    @property
    def address(self) -> Pubkey:
        return self._pda()[0]

    def _pda(self) -> tuple[Pubkey, int]:
        return pda(b"position", bytes(MARKET), bytes(self.owner), (0).to_bytes(8, "little"))

    def data(self) -> bytes:
        legs = [(asset, amount, 1) for asset, amount in self.collateral] + [
            (asset, amount, 2) for asset, amount in self.debt
        ]
        data = head("Position", self._pda()[1]) + bytes([len(legs)]) + bytes(5) + bytes(MARKET) + bytes(self.owner)
        data += struct.pack("<QQQ", 0, self.version, 0)
        for asset, amount, side in legs:
            data += struct.pack("<32sQB7x", bytes(asset.reserve), amount, side)
        return data.ljust(488, b"\0")


@dataclass(kw_only=True)
class Town:
    """A market: assets and borrowers; `rows` gives what changed since the last call, as the recording would."""

    assets: list[Asset]
    borrowers: list[Borrower]
    paused: bool = False
    _last: dict[Pubkey, tuple[Pubkey, bytes]] = field(default_factory=dict)
    _seq: int = 0

    def market_data(self) -> bytes:
        data = head("Market", MARKET_BUMP) + bytes([self.paused]) + bytes(5) + bytes(CREATOR) + bytes(WALLET)
        return data + struct.pack("<QQ", 0, len(self.assets)) + bytes(CREATOR) + bytes(32)

    def accounts(self) -> dict[Pubkey, tuple[Pubkey, bytes]]:
        for asset in self.assets:
            asset.total_deposits = sum(n for one in self.borrowers for of, n in one.collateral if of is asset)
            asset.total_debt_shares = sum(n for one in self.borrowers for of, n in one.debt if of is asset)
        made = {MARKET: (PROGRAM, self.market_data())}
        for asset in self.assets:
            made |= asset.accounts()
        made |= {borrower.address: (PROGRAM, borrower.data()) for borrower in self.borrowers}
        return made

    def all_rows(self, slot: int) -> list[AccountRow]:
        """Return every account as it is now."""
        self._last = {}
        return self.rows(slot)

    def rows(self, slot: int) -> list[AccountRow]:
        now = self.accounts()
        changed = {key: held for key, held in now.items() if self._last.get(key) != held}
        self._last = now
        rows = []
        for key, (owner, data) in changed.items():
            self._seq += 1
            rows.append(AccountRow(self._seq, slot, bytes(key), bytes(owner), 10**7, False, data))
        return rows


def usual_town(**collateral: int) -> Town:
    """Return a market where one borrower put up 1,000 COL (threshold 80 %) against 700 DEBT, both at 1 USD: healthy."""
    col, debt = Asset(mint=named("mint of COL"), **collateral), Asset(mint=named("mint of DEBT"))
    borrower = Borrower(name="alice", collateral=[(col, 1_000_000_000)], debt=[(debt, 700_000_000)])
    return Town(assets=[col, debt], borrowers=[borrower])
