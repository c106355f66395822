"""Kamino's program in the shape of all protocols: what to discover, what to read, how to liquidate."""

from collections.abc import Mapping, Sequence

from solders.instruction import Instruction
from solders.pubkey import Pubkey

from liquidation_engine.errors import MissingAccounts
from liquidation_engine.protocols.adapter import Account, Clock, Plan
from liquidation_engine.protocols.kamino import transaction, watch
from liquidation_engine.protocols.kamino.accounts import Obligation, Reserve
from liquidation_engine.protocols.kamino.addresses import PROGRAM_ID
from liquidation_engine.protocols.kamino.refusals import REFUSALS
from liquidation_engine.protocols.onchain import Holding, Kind, Liquidation, Wallet


class KaminoProgram:
    """The deployed program; holds nothing."""

    name = "kamino"
    program_id = str(PROGRAM_ID)
    refusals: Mapping[int, str] = REFUSALS

    def discovery(self, market: str | None = None) -> Sequence[Kind]:
        """Return obligations with debt, reserves and markets; one market's with `market`."""
        return watch.kinds(None if market is None else Pubkey.from_string(market))

    def accounts_of(self, position: str, known: Mapping[str, Account]) -> list[str]:
        """Return what is still to be read: the obligation, then market, reserves and referrer, then oracles."""
        return watch.needed(known, position)

    def holding(self, position: str, known: Mapping[str, Account]) -> Holding:
        """Return what an obligation holds."""
        missing = [address for address in (position,) if address not in known]
        if missing:
            raise MissingAccounts(missing)
        obligation = Obligation.decode(bytes(known[position].data))
        missing = [str(reserve) for reserve in obligation.reserves if str(reserve) not in known]
        if missing:
            raise MissingAccounts(missing)
        mint = {key: str(Reserve.decode(bytes(known[str(key)].data)).mint) for key in obligation.reserves}
        return Holding(
            owner=str(obligation.owner),
            market=str(obligation.market),
            debts={str(key): mint[key] for key in obligation.borrows},
            collateral={str(key): mint[key] for key in obligation.deposits},
        )

    def liquidation(
        self,
        accounts: Mapping[str, Account],
        clock: Clock,
        plan: Plan,
        wallet: Wallet,
        *,
        flash: bool = False,
        swap: Sequence[Instruction] = (),
        first: int = 2,
    ) -> Liquidation:
        """Return the transaction of a plan; a loan comes from the reserve of the debt."""
        return transaction.liquidation(accounts, clock, plan, wallet, flash=flash, swap=swap, first=first)
