"""The parameters of JSON-RPC requests, checked as nodes check them."""

from base64 import b64decode
from binascii import Error as Base64Error
from dataclasses import dataclass
from typing import Any, Protocol

from solders.pubkey import Pubkey

from liquidation_engine.localnet.accounts import AccountVersion
from liquidation_engine.localnet.answers import invalid_params, min_context_slot_not_reached
from liquidation_engine.localnet.blocks import Block, Commitment
from liquidation_engine.localnet.chain import decode
from liquidation_engine.localnet.encode import from_base58
from liquidation_engine.localnet.transactions import MAX_BYTES, Decoded

_MAX_BASE64_TRANSACTION = 1_644
_MAX_BASE58_TRANSACTION = 1_683
_ACCOUNT_ENCODINGS = ("binary", "base58", "base64", "jsonParsed")
_MAX_FILTERS = 4
_MAX_MEMCMP_BYTES = 128


class SeesBlocks(Protocol):
    """A chain of blocks as one endpoint sees it."""

    def seen_at(self, commitment: Commitment) -> Block:
        """Return the newest block that `commitment` sees."""
        ...


@dataclass(frozen=True, slots=True)
class Params:
    """A request's positional parameters."""

    values: list[Any]

    def __len__(self) -> int:
        return len(self.values)

    def value(self, index: int) -> Any:
        """Return the parameter at `index`, which must be there."""
        if index >= len(self.values):
            raise invalid_params(f"`params` should have at least {index + 1} argument(s)")
        return self.values[index]

    def text(self, index: int) -> str:
        """Return the parameter at `index`, which must be a string."""
        value = self.value(index)
        if not isinstance(value, str):
            raise invalid_params(f"Invalid params: invalid type at {index}, expected a string.")
        return value

    def whole(self, index: int) -> int:
        """Return the parameter at `index`, which must be a u64."""
        return _whole(self.value(index), f"parameter {index}")

    def pubkey(self, index: int) -> Pubkey:
        """Return the parameter at `index`, which must be an address."""
        return to_pubkey(self.text(index))

    def texts(self, index: int, most: int) -> list[str]:
        """Return the parameter at `index`, which must be a list of at most `most` strings."""
        value = self.value(index)
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise invalid_params(f"Invalid params: invalid type at {index}, expected a sequence of strings.")
        if len(value) > most:
            raise invalid_params(f"Too many inputs provided; max {most}")
        return value

    def config(self, index: int) -> "ReadConfig":
        """Return the configuration at `index`, empty where there is none."""
        value = self.values[index] if index < len(self.values) else None
        if value is None:
            return ReadConfig({})
        if not isinstance(value, dict):
            raise invalid_params(f"Invalid params: invalid type at {index}, expected a configuration object.")
        return ReadConfig(value)


@dataclass(frozen=True, slots=True)
class ReadConfig:
    """The configuration object that most methods take last."""

    raw: dict[str, Any]

    def get(self, key: str) -> Any:
        """Return the value of `key`, None where it is missing."""
        return self.raw.get(key)

    def flag(self, key: str) -> bool:
        """Return a yes-or-no setting; missing means no."""
        value = self.raw.get(key)
        if value is not None and not isinstance(value, bool):
            raise invalid_params(f"Invalid params: {key} must be a boolean.")
        return bool(value)

    def commitment(self) -> Commitment:
        """Return the commitment asked for: finalized where nothing is said, as on a node."""
        value = self.raw.get("commitment") or Commitment.FINALIZED
        try:
            return Commitment(value)
        except ValueError as error:
            raise invalid_params(f"Invalid params: unknown commitment {value!r}.") from error

    def block(self, blocks: SeesBlocks) -> Block:
        """Return the block this read is made on; refuse it below `minContextSlot`."""
        block = blocks.seen_at(self.commitment())
        self.require_context(block)
        return block

    def require_context(self, block: Block) -> None:
        """Refuse the read if `block` has not reached `minContextSlot`."""
        least = self.raw.get("minContextSlot")
        if least is not None and block.slot < _whole(least, "minContextSlot"):
            raise min_context_slot_not_reached(block.slot)

    def encoding(self, default: str) -> str:
        """Return the encoding of accounts."""
        value = self.raw.get("encoding") or default
        if value == "base64+zstd":
            raise invalid_params("localnet does not serve the encoding base64+zstd; ask for base64")
        if value not in _ACCOUNT_ENCODINGS:
            raise invalid_params(f"Invalid params: unknown variant `{value}`, expected one of {_ACCOUNT_ENCODINGS}.")
        return str(value)

    def data_slice(self) -> tuple[int, int] | None:
        """Return (offset, length) of the data asked for, None for all of it."""
        value = self.raw.get("dataSlice")
        if value is None:
            return None
        if not isinstance(value, dict):
            raise invalid_params("Invalid params: dataSlice must be an object.")
        return _whole(value.get("offset"), "dataSlice.offset"), _whole(value.get("length"), "dataSlice.length")

    def filters(self) -> "Filters":
        """Return the filters of getProgramAccounts and programSubscribe."""
        value = self.raw.get("filters")
        if value is None:
            return Filters((), ())
        if not isinstance(value, list) or len(value) > _MAX_FILTERS:
            raise invalid_params(f"Too many filters provided; max {_MAX_FILTERS}")
        return Filters.of(value)


@dataclass(frozen=True, slots=True)
class Filters:
    """Conditions on an account's data, all of which must hold."""

    sizes: tuple[int, ...]
    comparisons: tuple[tuple[int, bytes], ...]
    token_accounts: bool = False

    @classmethod
    def of(cls, values: list[Any]) -> "Filters":
        """Read the filters of a request."""
        sizes: list[int] = []
        comparisons: list[tuple[int, bytes]] = []
        token_accounts = False
        for value in values:
            match value:
                case {"dataSize": size}:
                    sizes.append(_whole(size, "dataSize"))
                case {"memcmp": dict() as compare}:
                    comparisons.append((_whole(compare.get("offset"), "memcmp.offset"), _compared_bytes(compare)))
                case "tokenAccountState" | {"tokenAccountState": _}:
                    token_accounts = True
                case _:
                    raise invalid_params("Invalid params: unknown filter, expected dataSize or memcmp.")
        return cls(tuple(sizes), tuple(comparisons), token_accounts)

    def match(self, version: AccountVersion) -> bool:
        """Return whether the account meets every condition."""
        data = version.data
        return (
            all(len(data) == size for size in self.sizes)
            and all(data.startswith(wanted, offset) for offset, wanted in self.comparisons)
            and (not self.token_accounts or len(data) >= 165)
        )


def to_pubkey(text: str) -> Pubkey:
    """Return the address that `text` is."""
    try:
        return Pubkey.from_string(text)
    except ValueError as error:
        wrong_size = "WrongSize" if 32 <= len(text) <= 44 else "Invalid"
        raise invalid_params(f"Invalid param: {wrong_size}") from error


def to_signature(text: str) -> str:
    """Return the signature that `text` is."""
    try:
        data = from_base58(text)
    except ValueError as error:
        raise invalid_params("Invalid param: Invalid") from error
    if len(data) != 64:
        raise invalid_params("Invalid param: WrongSize")
    return text


def to_transaction(text: str, config: ReadConfig) -> Decoded:
    """Return the transaction that a send or a simulation carries."""
    return decode(transaction_bytes(text, config))


def transaction_bytes(text: str, config: ReadConfig) -> bytes:
    """Return the bytes of a transaction in the encoding that the configuration names, base58 by default."""
    encoding = config.get("encoding") or "base58"
    if encoding not in ("base58", "base64"):
        raise invalid_params(f"unsupported encoding: {encoding}. Supported encodings: base58, base64")
    longest = _MAX_BASE58_TRANSACTION if encoding == "base58" else _MAX_BASE64_TRANSACTION
    if len(text) > longest:
        raise invalid_params(
            f"{encoding} encoded solana_transaction::versioned::VersionedTransaction too large: {len(text)} bytes "
            f"(max: encoded/raw {longest}/{MAX_BYTES})"
        )
    try:
        return from_base58(text) if encoding == "base58" else b64decode(text, validate=True)
    except (ValueError, Base64Error) as error:
        raise invalid_params(f"invalid {encoding} encoding: {error}") from error


def _compared_bytes(compare: dict[str, Any]) -> bytes:
    value, encoding = compare.get("bytes"), compare.get("encoding") or "base58"
    try:
        if isinstance(value, list):
            data = bytes(value)
        elif isinstance(value, str) and encoding in ("base58", "binary"):
            data = from_base58(value)
        elif isinstance(value, str) and encoding == "base64":
            data = b64decode(value, validate=True)
        else:
            raise invalid_params(f"Invalid params: memcmp cannot be read in encoding {encoding!r}.")
    except (ValueError, TypeError, Base64Error) as error:
        raise invalid_params(f"Invalid param: memcmp bytes: {error}") from error
    if len(data) > _MAX_MEMCMP_BYTES:
        raise invalid_params("Invalid param: DataTooLarge")
    return data


def _whole(value: Any, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**64:
        raise invalid_params(f"Invalid params: {name} is {value!r}, expected u64.")
    return value
