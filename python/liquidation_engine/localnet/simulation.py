"""What a simulation found, in the JSON shape that nodes answer with."""

from dataclasses import dataclass
from typing import Any

from solders.account import Account
from solders.pubkey import Pubkey
from solders.transaction_metadata import TransactionMetadata

from liquidation_engine.localnet.encode import inner_instructions, return_data
from liquidation_engine.localnet.transactions import Keys
from liquidation_engine.localnet.vm import Execution


@dataclass(frozen=True, slots=True)
class Simulation:
    """One simulated transaction; `meta` is None when it was refused before it ran."""

    error: Any | None
    meta: TransactionMetadata | None
    keys: Keys
    post_accounts: dict[Pubkey, Account]

    @classmethod
    def refused(cls, error: str, keys: Keys) -> "Simulation":
        """Return a simulation that never ran."""
        return cls(error, None, keys, {})

    @classmethod
    def of(cls, execution: Execution, keys: Keys) -> "Simulation":
        """Return what the VM found."""
        return cls(execution.error, execution.meta, keys, execution.post_accounts)

    def to_json(
        self,
        *,
        accounts: list[Any] | None = None,
        with_inner: bool = False,
        replacement: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Return the value of simulateTransaction, and the data of a send that its preflight refused."""
        meta = self.meta
        writable, readonly = self.keys.loaded()
        return {
            "err": self.error,
            "logs": [] if meta is None else meta.logs(),
            "accounts": accounts,
            "unitsConsumed": 0 if meta is None else meta.compute_units_consumed(),
            "loadedAccountsDataSize": None,
            "returnData": None if meta is None else return_data(meta),
            "innerInstructions": inner_instructions(meta) if with_inner and meta is not None else None,
            "replacementBlockhash": replacement,
            "fee": None if meta is None else meta.fee(),
            "loadedAddresses": {"writable": [str(k) for k in writable], "readonly": [str(k) for k in readonly]},
            "preBalances": None,
            "postBalances": None,
            "preTokenBalances": None,
            "postTokenBalances": None,
        }
