"""5 · The door to the chain: JSON-RPC calls, subscriptions, confirmation, blockhash, fees, wallet and signer.

Before it `protocols` builds instructions and `execute` decides; after it comes the Solana node. Addresses, signatures
and blockhashes cross this door as base58 text. solders and the network clients stay behind it.
"""

from liquidation_engine.chain.blockhash import Blockhash, BlockhashCache
from liquidation_engine.chain.confirm import Confirmer, Executed, NotYet
from liquidation_engine.chain.executed import AddressSignature, Call, ExecutedTransaction
from liquidation_engine.chain.fees import FeeLadder, FeePolicy, network_fee_lamports
from liquidation_engine.chain.rpc import RpcClient
from liquidation_engine.chain.signer import Signer, allowed_programs
from liquidation_engine.chain.subscribe import Pulse, account_updates, program_logs, program_updates, slots
from liquidation_engine.chain.transaction import TransactionTooLarge, build_transaction
from liquidation_engine.chain.wallet import Wallet
from liquidation_engine.chain.words import (
    AccountUpdate,
    CannotLand,
    ChainAccount,
    Commitment,
    NewSlot,
    Reconnected,
    SignatureStatus,
    Simulation,
    StillPossible,
)

__all__ = [
    "AccountUpdate",
    "AddressSignature",
    "Blockhash",
    "BlockhashCache",
    "Call",
    "CannotLand",
    "ChainAccount",
    "Commitment",
    "Confirmer",
    "Executed",
    "ExecutedTransaction",
    "FeeLadder",
    "FeePolicy",
    "NewSlot",
    "NotYet",
    "Pulse",
    "Reconnected",
    "RpcClient",
    "SignatureStatus",
    "Signer",
    "Simulation",
    "StillPossible",
    "TransactionTooLarge",
    "Wallet",
    "account_updates",
    "allowed_programs",
    "build_transaction",
    "network_fee_lamports",
    "program_logs",
    "program_updates",
    "slots",
]
