"""Every exception this library raises on purpose.

LiquidationEngineError
├── ConfigError                  a setting is missing, malformed or cannot work (exit code 2)
│   └── WrongChain               the database keeps the books of another chain (exit code 2)
├── ServerError                  an embedded or external server cannot be started or reached
│   ├── AddressInUse             the port is taken
│   ├── DatabaseVersionError     the schema is newer, older or changed since it was applied
│   └── Interrupted              the database's answer was lost: what was asked may have happened or not (made by database)
├── DecodeError                  bytes that are not the account, message or event they should be
├── MissingAccounts              a question about a position needs accounts that were not given (addresses)
├── RpcError                     a call to an RPC node did not give an answer to use
│   ├── RpcTimeout               no answer in time: neither success nor failure
│   ├── RpcUnavailable           no endpoint could be reached
│   └── RpcRefused               the node answered with a JSON-RPC error (code, message, data)
│       └── MinContextSlotNotReached  the node is behind the slot that was asked for
├── TransactionTooLarge          a transaction that does not fit into one packet (made by chain)
├── WalletError                  the key cannot be read or must not be used
├── SigningRefused               the signer's policy forbids this transaction
│   └── SigningPaused            the kill switch is on or its state is unknown: the same transaction may be signed later
├── LedgerError                  entries that would not balance
├── ArgumentError                an argument of another type, length or range than it must be (made by _core, as the next three)
├── UnknownPosition              the book has no position at this address
├── Refused                      the program would refuse; name and code are its own
└── BookBroken                   an earlier call on this book failed inside: build a new one from a snapshot
"""

from collections.abc import Sequence


class LiquidationEngineError(Exception):
    """The root of the tree above."""


class ConfigError(LiquidationEngineError):
    """A setting is missing, malformed or cannot work."""


class WrongChain(ConfigError):
    """The database keeps the books of another chain."""


class ServerError(LiquidationEngineError):
    """A server cannot be started or reached."""


class AddressInUse(ServerError):
    """The port is taken by another process."""


class DatabaseVersionError(ServerError):
    """The database's schema is not the one this release works with."""


class DecodeError(LiquidationEngineError):
    """Bytes are not what they should be; the message says what was found and expected."""


class MissingAccounts(LiquidationEngineError):
    """A question about a position needs these accounts, which were not given; `addresses` are in base58."""

    def __init__(self, addresses: Sequence[str]) -> None:
        super().__init__(f"these accounts are needed and were not given: {', '.join(addresses)}")
        self.addresses = list(addresses)


class RpcError(LiquidationEngineError):
    """A call to an RPC node gave no answer to use."""


class RpcTimeout(RpcError):
    """No answer in time, which is neither success nor failure."""


class RpcUnavailable(RpcError):
    """No endpoint could be reached."""


class RpcRefused(RpcError):
    """The node answered with a JSON-RPC error."""

    def __init__(self, method: str, code: int, message: str, data: object = None) -> None:
        super().__init__(f"{method} was refused with {code}: {message}")
        self.method, self.code, self.reason, self.data = method, code, message, data


class MinContextSlotNotReached(RpcRefused):
    """The node is behind the slot that was asked for."""


class WalletError(LiquidationEngineError):
    """The key cannot be read or must not be used."""


class SigningRefused(LiquidationEngineError):
    """The signer's policy forbids this transaction."""


class SigningPaused(SigningRefused):
    """The kill switch is on, or its state is not known for certain: that says nothing against this transaction."""


class LedgerError(LiquidationEngineError):
    """Entries would not balance."""
