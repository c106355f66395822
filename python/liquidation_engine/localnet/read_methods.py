"""RPC methods that read accounts, slots and blocks, each at the commitment it names."""

from collections.abc import Callable
from typing import Any

import orjson
from solders.hash import Hash
from solders.pubkey import Pubkey

from liquidation_engine.localnet import encode, tokens
from liquidation_engine.localnet.accounts import AccountVersion
from liquidation_engine.localnet.answers import RpcFault, invalid_params
from liquidation_engine.localnet.blocks import Block
from liquidation_engine.localnet.params import Params, ReadConfig, to_pubkey
from liquidation_engine.localnet.view import ChainView

API_VERSION = "2.3.0"
MAX_ACCOUNTS = 100
MAX_FEE_ACCOUNTS = 128


def with_context(block: Block, value: Any) -> dict[str, Any]:
    """Return `value` with the slot it was read at."""
    return {"context": {"apiVersion": API_VERSION, "slot": block.slot}, "value": value}


class ReadMethods:
    """Reads; none of them changes anything."""

    def __init__(self, chain: ChainView, is_healthy: Callable[[], bool] = lambda: True) -> None:
        self._chain = chain
        self._is_healthy = is_healthy
        self.methods = {
            "getAccountInfo": self.account_info,
            "getMultipleAccounts": self.multiple_accounts,
            "getProgramAccounts": self.program_accounts,
            "getBalance": self.balance,
            "getTokenAccountBalance": self.token_account_balance,
            "getTokenAccountsByOwner": self.token_accounts_by_owner,
            "getTokenSupply": self.token_supply,
            "getLatestBlockhash": self.latest_blockhash,
            "isBlockhashValid": self.is_blockhash_valid,
            "getBlockHeight": self.block_height,
            "getFirstAvailableBlock": lambda _: 0,  # nothing is ever pruned
            "getBlockTime": self.block_time,
            "getSlot": self.slot,
            "getGenesisHash": lambda _: str(chain.genesis_hash),
            "getHealth": self.health,
            "getVersion": lambda _: {"solana-core": API_VERSION, "feature-set": 0},
            "getMinimumBalanceForRentExemption": lambda params: chain.vm.minimum_balance(params.whole(0)),
            "getRecentPrioritizationFees": self.recent_prioritization_fees,
        }

    def account_info(self, params: Params) -> Any:
        """getAccountInfo."""
        pubkey, config = params.pubkey(0), params.config(1)
        block = config.block(self._chain.blocks)
        return with_context(block, self.encoded(pubkey, block, config, "binary"))

    def multiple_accounts(self, params: Params) -> Any:
        """getMultipleAccounts."""
        pubkeys, config = [to_pubkey(text) for text in params.texts(0, MAX_ACCOUNTS)], params.config(1)
        block = config.block(self._chain.blocks)
        return with_context(block, [self.encoded(pubkey, block, config, "base64") for pubkey in pubkeys])

    def program_accounts(self, params: Params) -> Any:
        """getProgramAccounts."""
        owner, config = params.pubkey(0), params.config(1)
        block, filters = config.block(self._chain.blocks), config.filters()
        found = [
            {"pubkey": str(pubkey), "account": self.encoded_version(version, config, "binary")}
            for pubkey, version in self._chain.state.owned_at(owner, block.slot)
            if filters.match(version)
        ]
        return with_context(block, found) if config.flag("withContext") else found

    def balance(self, params: Params) -> Any:
        """getBalance."""
        pubkey, config = params.pubkey(0), params.config(1)
        block = config.block(self._chain.blocks)
        version = self._chain.state.at(pubkey, block.slot)
        return with_context(block, 0 if version is None else version.lamports)

    def token_account_balance(self, params: Params) -> Any:
        """getTokenAccountBalance."""
        pubkey, config = params.pubkey(0), params.config(1)
        block = config.block(self._chain.blocks)
        version = self._chain.state.at(pubkey, block.slot)
        if version is None:
            raise invalid_params("Invalid param: could not find account")
        decimals = self._decimals(version)
        if decimals is None:
            raise invalid_params("Invalid param: not a Token account")
        return with_context(block, tokens.ui_amount(tokens.amount_of(version), decimals))

    def token_accounts_by_owner(self, params: Params) -> Any:
        """getTokenAccountsByOwner, of one mint or one token program."""
        holder, config = params.pubkey(0), params.config(2)
        mint: Pubkey | None = None
        programs = [tokens.TOKEN_PROGRAM, tokens.TOKEN_2022_PROGRAM]
        match params.value(1):
            case {"mint": str() as text}:
                mint = to_pubkey(text)
            case {"programId": str() as text}:
                programs = [to_pubkey(text)]
            case _:
                raise invalid_params("Invalid params: expected mint or programId.")
        block = config.block(self._chain.blocks)
        found = [
            {"pubkey": str(pubkey), "account": self.encoded_version(version, config, "binary")}
            for program in programs
            for pubkey, version in self._chain.state.owned_at(program, block.slot)
            if tokens.is_token_account(version)
            and tokens.holder_of(version) == holder
            and mint in (None, tokens.mint_of(version))
        ]
        return with_context(block, found)

    def token_supply(self, params: Params) -> Any:
        """getTokenSupply."""
        config = params.config(1)
        block = config.block(self._chain.blocks)
        version = self._chain.state.at(params.pubkey(0), block.slot)
        if version is None or not tokens.is_mint(version):
            raise invalid_params("Invalid param: not a Token mint")
        supply = int.from_bytes(version.data[36:44], "little")
        return with_context(block, tokens.ui_amount(supply, tokens.decimals_of(version)))

    def latest_blockhash(self, params: Params) -> Any:
        """getLatestBlockhash."""
        block = params.config(0).block(self._chain.blocks)
        last_valid = block.height + self._chain.blocks.window
        return with_context(block, {"blockhash": str(block.blockhash), "lastValidBlockHeight": last_valid})

    def is_blockhash_valid(self, params: Params) -> Any:
        """isBlockhashValid."""
        blockhash, block = params.text(0), params.config(1).block(self._chain.blocks)
        return with_context(block, self._chain.blocks.is_valid(_to_hash(blockhash), block.height))

    def block_height(self, params: Params) -> int:
        """getBlockHeight."""
        return params.config(0).block(self._chain.blocks).height

    def slot(self, params: Params) -> int:
        """getSlot."""
        return params.config(0).block(self._chain.blocks).slot

    def health(self, _: Params) -> str:
        """getHealth."""
        if not self._is_healthy():
            raise RpcFault(-32005, "Node is unhealthy", {"numSlotsBehind": None})
        return "ok"

    def block_time(self, params: Params) -> int:
        """getBlockTime."""
        slot = params.whole(0)
        block = self._chain.blocks.by_slot(slot)
        if block is not None:
            return block.unix_time
        if slot > self._chain.slot:
            raise RpcFault(-32004, f"Block not available for slot {slot}")
        raise RpcFault(-32007, f"Slot {slot} was skipped, or missing due to ledger jump to recent snapshot")

    def recent_prioritization_fees(self, params: Params) -> Any:
        """getRecentPrioritizationFees."""
        texts = params.texts(0, MAX_FEE_ACCOUNTS) if len(params) else []
        recent = self._chain.priority_fees.recent([to_pubkey(text) for text in texts], self._chain.slot)
        return [{"slot": slot, "prioritizationFee": fee} for slot, fee in recent]

    def encoded(self, pubkey: Pubkey, block: Block, config: ReadConfig, default: str) -> Any:
        """Return an account as `config` wants it, None where there is none."""
        encoding = config.encoding(default)
        version = self._chain.state.at(pubkey, block.slot)
        return None if version is None else self.encoded_version(version, config, encoding)

    def encoded_version(
        self, version: AccountVersion, config: ReadConfig, default: str
    ) -> orjson.Fragment | dict[str, Any]:
        """Return one version of an account as `config` wants it."""
        encoding = config.encoding(default)
        decimals = self._decimals(version) if encoding == "jsonParsed" else None
        return encode.account(version, encoding, config.data_slice(), decimals)

    def _decimals(self, version: AccountVersion) -> int | None:
        if not tokens.is_token_account(version):
            return None
        mint = self._chain.state.newest(tokens.mint_of(version))
        return tokens.decimals_of(mint) if mint is not None and tokens.is_mint(mint) else None


def _to_hash(text: str) -> Hash:
    try:
        return Hash.from_string(text)
    except ValueError as error:
        raise invalid_params("Invalid param: WrongSize") from error
