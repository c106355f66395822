"""marginfi's program in the shape of all protocols: what to discover, what to read, how to liquidate."""

from collections.abc import Mapping, Sequence

from solders.instruction import Instruction
from solders.pubkey import Pubkey

from liquidation_engine.errors import MissingAccounts
from liquidation_engine.protocols.adapter import Account, Clock, Plan
from liquidation_engine.protocols.marginfi import transaction, watch
from liquidation_engine.protocols.marginfi.accounts import Bank, MarginAccount
from liquidation_engine.protocols.marginfi.addresses import PROGRAM_ID
from liquidation_engine.protocols.marginfi.refusals import REFUSALS
from liquidation_engine.protocols.onchain import Holding, Kind, Liquidation, Wallet


class MarginfiProgram:
    """The deployed program; holds nothing. A plan's liquidator is a margin account of the wallet's ("v1"), or nobody ("v2")."""

    name = "marginfi"
    program_id = str(PROGRAM_ID)
    refusals: Mapping[int, str] = REFUSALS

    def discovery(self, market: str | None = None) -> Sequence[Kind]:
        """Return margin accounts, banks and groups; those of one group with `market`."""
        return watch.kinds(None if market is None else Pubkey.from_string(market))

    def accounts_of(self, position: str, known: Mapping[str, Account]) -> list[str]:
        """Return what is still to be read: the margin account, then its group and banks, then their oracles."""
        return watch.needed(known, position)

    def holding(self, position: str, known: Mapping[str, Account]) -> Holding:
        """Return what a margin account holds, sides of less than one share left out."""
        if position not in known:
            raise MissingAccounts([position])
        account = MarginAccount.decode(Pubkey.from_string(position), bytes(known[position].data))
        missing = [str(bank) for bank in account.banks() if str(bank) not in known]
        if missing:
            raise MissingAccounts(missing)
        mint = {str(bank): str(Bank.decode(bank, bytes(known[str(bank)].data)).mint) for bank in account.banks()}
        held = [it for it in account.places if it is not None]
        return Holding(
            owner=str(account.authority),
            market=str(account.group),
            debts={str(it.bank): mint[str(it.bank)] for it in held if it.is_debt},
            collateral={str(it.bank): mint[str(it.bank)] for it in held if it.is_deposit},
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
        """Return the transaction of a plan; the loan is the program's own, of margin instead of tokens."""
        return transaction.liquidation(accounts, clock, plan, wallet, flash=flash, swap=swap, first=first)
