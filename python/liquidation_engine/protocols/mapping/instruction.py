"""The liquidation instruction of a mapped program, its accounts found by their sources."""

from dataclasses import dataclass

from solders.instruction import AccountMeta, Instruction
from solders.pubkey import Pubkey

from liquidation_engine.errors import ConfigError
from liquidation_engine.protocols.adapter import Plan
from liquidation_engine.protocols.mapping.layout import pack
from liquidation_engine.protocols.mapping.market import MappedMarket
from liquidation_engine.protocols.mapping.sources import Source

TOKEN_PROGRAM = Pubkey.from_string("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA")
ASSOCIATED_TOKEN_PROGRAM = Pubkey.from_string("ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL")


def liquidation(market: MappedMarket, plan: Plan, wallet: str) -> Instruction:
    """Return the instruction that carries out a plan; ConfigError for a source that leads nowhere."""
    mapping = market.mapping
    wanted = mapping.liquidate
    if wanted is None:
        raise ConfigError(f"the mapping {mapping.name} has no [liquidate] table: it watches only")
    layout = mapping.layout.instructions[wanted.instruction]
    finder = Finder(market, plan, wallet)
    data = layout.discriminator
    for name, kind in layout.args:
        data += pack(kind, finder.value(wanted.args[name]), name)
    metas = []
    for account in layout.accounts:
        source = wanted.accounts.get(account["name"])
        standing = account.get("address", mapping.program)  # the program stands for an optional account
        key = Pubkey.from_string(standing) if source is None else finder.address(source)
        metas.append(AccountMeta(key, account["signer"], account["writable"]))
    for leg in market.legs(plan.position):
        if leg.reserve not in (plan.debt_reserve, plan.collateral_reserve):
            finder.other = leg.reserve
            metas += [AccountMeta(finder.address(source), False, False) for source in wanted.remaining]
    return Instruction(Pubkey.from_string(mapping.program), data, metas)


@dataclass
class Finder:
    """Evaluates sources for one plan."""

    market: MappedMarket
    plan: Plan
    wallet: str
    other: str | None = None

    def address(self, source: Source) -> Pubkey:
        """Return the address that a source names."""
        value = self.value(source)
        if isinstance(value, str):
            try:
                return Pubkey.from_string(value)
            except ValueError as error:
                raise ConfigError(f"found {value!r}, expected an address") from error
        raise ConfigError(f"found {value!r}, expected an address")

    def value(self, source: Source) -> object:
        """Return what a source names: an address in base58, or a number."""
        match source.call:
            case "number":
                return int(source.head)
            case "text":
                return source.head
            case "ata":
                owner, mint = (self.address(part) for part in source.parts)
                seeds = [bytes(owner), bytes(TOKEN_PROGRAM), bytes(mint)]
                return str(Pubkey.find_program_address(seeds, ASSOCIATED_TOKEN_PROGRAM)[0])
            case "pda":
                program = Pubkey.from_string(self.market.mapping.program)
                return str(Pubkey.find_program_address([self._seed(part) for part in source.parts], program)[0])
            case "find":
                return self._found(source)
            case _:
                return self._field(source)

    def _seed(self, part: Source) -> bytes:
        return part.head.encode() if part.call == "text" else bytes(self.address(part))

    def _found(self, source: Source) -> object:
        field, wanted = source.parts[0].head, self.value(source.parts[1])
        for address, held in self.market.accounts.items():
            if held.kind == source.head and self.market.field(source.head, address, field) == wanted:
                return self.market.field(source.head, address, source.path) if source.path else address
        raise ConfigError(f"there is no {source.head} whose {field} is {wanted}")

    def _field(self, source: Source) -> object:
        roots = {
            "position": self.plan.position,
            "debt": self.plan.debt_reserve,
            "collateral": self.plan.collateral_reserve,
            "other": self.other,
        }
        if source.head == "wallet":
            return self.wallet
        if source.head == "plan":
            return getattr(self.plan, source.path)
        address = roots[source.head]
        if address is None:
            raise ConfigError("found `other` outside of `remaining`, expected it only there")
        return self.market.field("", address, source.path) if source.path else address
