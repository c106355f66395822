"""RPC methods about transactions: sending, simulating, and what became of them."""

from typing import Any

from liquidation_engine.localnet import encode
from liquidation_engine.localnet.accounts import AccountVersion
from liquidation_engine.localnet.answers import RpcFault, invalid_params, signature_failure
from liquidation_engine.localnet.blocks import Block, Commitment
from liquidation_engine.localnet.chain import decode
from liquidation_engine.localnet.history import STATUS_CACHE_SLOTS, Landed
from liquidation_engine.localnet.params import (
    Params,
    ReadConfig,
    to_pubkey,
    to_signature,
    to_transaction,
    transaction_bytes,
)
from liquidation_engine.localnet.read_methods import with_context
from liquidation_engine.localnet.simulation import Simulation
from liquidation_engine.localnet.transactions import Decoded
from liquidation_engine.localnet.view import ChainView

MAX_STATUSES = 256
MAX_SIGNATURES = 1_000
_TRANSACTION_ENCODINGS = ("json", "jsonParsed", "base64", "base58")


class TransactionMethods:
    """Takes, tries and looks up transactions."""

    def __init__(self, chain: ChainView) -> None:
        self._chain = chain
        self.methods = {
            "simulateTransaction": self.simulate,
            "getSignatureStatuses": self.signature_statuses,
            "getTransaction": self.transaction,
            "getSignaturesForAddress": self.signatures_for_address,
            "getTransactionCount": lambda _: len(chain.history),
            "getFeeForMessage": self.fee_for_message,
            "requestAirdrop": self.request_airdrop,
        }

    def send(self, params: Params) -> str:
        """sendTransaction: answers before the transaction runs, after the preflight unless it is skipped."""
        text, config = params.text(0), params.config(1)
        config.require_context(self._chain.blocks.latest)
        raw = transaction_bytes(text, config)
        return self._chain.submit(raw, preflight=not config.flag("skipPreflight"))

    def request_airdrop(self, params: Params) -> str:
        """requestAirdrop: a transfer that lands like any other."""
        return self._chain.chain.airdrop(params.pubkey(0), params.whole(1))

    def simulate(self, params: Params) -> Any:
        """simulateTransaction."""
        text, config = params.text(0), params.config(1)
        block = self._chain.blocks.latest
        config.require_context(block)
        decoded = to_transaction(text, config)
        replace = config.flag("replaceRecentBlockhash")
        if config.flag("sigVerify"):
            if replace:
                raise invalid_params("sigVerify may not be used with replaceRecentBlockhash")
            if not decoded.signatures_are_true():
                raise signature_failure()
        simulation = self._chain.simulate(decoded, check_blockhash=not replace)
        replacement = None
        if replace:
            last_valid = block.height + self._chain.blocks.window
            replacement = {"blockhash": str(block.blockhash), "lastValidBlockHeight": last_valid}
        accounts = self._wanted_accounts(decoded, simulation, config)
        value = simulation.to_json(
            accounts=accounts, with_inner=config.flag("innerInstructions"), replacement=replacement
        )
        return with_context(block, value)

    def _wanted_accounts(self, decoded: Decoded, simulation: Simulation, config: ReadConfig) -> list[Any] | None:
        wanted = config.get("accounts")
        if wanted is None:
            return None
        wanted_config, addresses = Params([wanted]).config(0), wanted.get("addresses", [])
        encoding = wanted_config.encoding("base64")
        if encoding in ("binary", "base58"):
            raise invalid_params("base58 encoding not supported")
        pubkeys = [to_pubkey(text) for text in Params([addresses]).texts(0, len(simulation.keys.all))]
        if simulation.error is not None:
            return [None] * len(pubkeys)
        shown: list[Any] = []
        for pubkey in pubkeys:
            if pubkey in simulation.post_accounts:
                version: AccountVersion | None = AccountVersion.of(self._chain.slot, simulation.post_accounts[pubkey])
            else:
                version = self._chain.state.newest(pubkey)
            exists = version is not None and version.exists
            shown.append(encode.account(version, encoding, None) if version is not None and exists else None)
        return shown

    def signature_statuses(self, params: Params) -> Any:
        """getSignatureStatuses: of recent transactions, of all with searchTransactionHistory."""
        signatures = [to_signature(text) for text in params.texts(0, MAX_STATUSES)]
        search = params.config(1).flag("searchTransactionHistory")
        latest = self._chain.blocks.latest
        oldest = 0 if search else latest.slot - STATUS_CACHE_SLOTS
        found = ((signature, self._chain.history.find(signature, latest.slot)) for signature in signatures)
        shown = [
            self._status(one) if one is not None and one.slot >= oldest else self._status_of_unknown(signature)
            for signature, one in found
        ]
        return with_context(latest, shown)

    def _status_of_unknown(self, signature: str) -> dict[str, Any] | None:
        """Return None, or the lie of an endpoint that claims that what it does not know has landed."""
        if not self._chain.faults.claims_landed or signature in self._chain.history:
            return None
        slot = self._chain.blocks.seen_at(Commitment.FINALIZED).slot
        return {
            "slot": slot,
            "confirmations": None,
            "err": None,
            "status": {"Ok": None},
            "confirmationStatus": Commitment.FINALIZED.value,
        }

    def transaction(self, params: Params) -> Any:
        """getTransaction: None until its block is seen at the commitment."""
        signature = to_signature(params.text(0))
        given = params.value(1) if len(params) > 1 else None
        config = ReadConfig({"encoding": given}) if isinstance(given, str) else params.config(1)
        encoding = config.get("encoding") or "json"
        if encoding not in _TRANSACTION_ENCODINGS:
            raise invalid_params(f"Invalid params: unknown variant `{encoding}`.")
        landed = self._chain.history.find(signature, self._confirmed_block(config).slot)
        if landed is None:
            return None
        encoded = encode.transaction(landed, encoding, self._chain.blocks.schedule.unix_time(landed.slot))
        if encoded["version"] == 0 and config.get("maxSupportedTransactionVersion") is None:
            raise RpcFault(
                -32015,
                "Transaction version (0) is not supported by the requesting client. Please try the request again "
                'with the following configuration parameter: "maxSupportedTransactionVersion": 0',
            )
        if config.get("maxSupportedTransactionVersion") is None:
            del encoded["version"]
        return encoded

    def signatures_for_address(self, params: Params) -> Any:
        """getSignaturesForAddress: newest first, between `until` and `before`."""
        pubkey, config = params.pubkey(0), params.config(1)
        limit = config.get("limit") or MAX_SIGNATURES
        if not isinstance(limit, int) or not 0 < limit <= MAX_SIGNATURES:
            raise invalid_params(f"Invalid limit; max {MAX_SIGNATURES}")
        landed = self._chain.history.mentioning(pubkey, self._confirmed_block(config).slot)
        texts = [one.decoded.signature for one in landed]
        before, until = config.get("before"), config.get("until")
        start = texts.index(before) + 1 if before in texts else 0
        end = texts.index(until) if until in texts else len(texts)
        return [self._mention(one) for one in landed[start:end][:limit]]

    def fee_for_message(self, params: Params) -> Any:
        """getFeeForMessage, as a simulation of the message would be charged; None for an unknown blockhash."""
        config = params.config(1)
        block = config.block(self._chain.blocks)
        message = transaction_bytes(params.text(0), ReadConfig({"encoding": "base64"}))
        signers = message[1] if message[:1] >= b"\x80" else message[0] if message else 0
        decoded = _around(message, signers)
        if self._chain.last_valid_height(decoded) is None:
            return with_context(block, None)
        simulation = self._chain.simulate(decoded)
        return with_context(block, None if simulation.meta is None else simulation.meta.fee())

    def _confirmed_block(self, config: ReadConfig) -> Block:
        commitment = config.commitment()
        if commitment is Commitment.PROCESSED:
            raise invalid_params("Method does not support commitment below `confirmed`")
        return config.block(self._chain.blocks)

    def _status(self, landed: Landed) -> dict[str, Any]:
        blocks = self._chain.blocks
        commitment = self._commitment_of(landed)
        final = commitment is Commitment.FINALIZED
        return {
            "slot": landed.slot,
            "confirmations": None if final else len(blocks.after(landed.slot, blocks.latest.slot)),
            "err": landed.error,
            "status": {"Ok": None} if landed.error is None else {"Err": landed.error},
            "confirmationStatus": commitment.value,
        }

    def _mention(self, landed: Landed) -> dict[str, Any]:
        return {
            "signature": landed.decoded.signature,
            "slot": landed.slot,
            "err": landed.error,
            "memo": None,
            "blockTime": self._chain.blocks.schedule.unix_time(landed.slot),
            "confirmationStatus": self._commitment_of(landed).value,
        }

    def _commitment_of(self, landed: Landed) -> Commitment:
        for commitment in (Commitment.FINALIZED, Commitment.CONFIRMED):
            if landed.slot <= self._chain.blocks.seen_at(commitment).slot:
                return commitment
        return Commitment.PROCESSED


def _around(message: bytes, signers: int) -> Decoded:
    """Return an unsigned transaction around `message`, for methods that are given a message alone."""
    return decode(bytes((signers,)) + b"\0" * 64 * signers + message)
