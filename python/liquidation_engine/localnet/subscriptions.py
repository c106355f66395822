"""Websocket subscriptions: who wants to hear of what, and the notifications that each new block causes.

As on a node, an account is notified once per slot that changed it, when that slot is seen at the subscription's
commitment, and a signature once in all. `enableReceivedNotification` is taken and changes nothing: solana-py cannot read
the notification that a node would send for it.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any, Protocol

import orjson
from solders.pubkey import Pubkey

from liquidation_engine.localnet.accounts import AccountVersion
from liquidation_engine.localnet.answers import RpcFault, invalid_params
from liquidation_engine.localnet.blocks import Block, Commitment
from liquidation_engine.localnet.events import BlockMade, ChangedByHand, Event, Forked
from liquidation_engine.localnet.history import Landed
from liquidation_engine.localnet.params import Filters, Params, ReadConfig, to_pubkey, to_signature
from liquidation_engine.localnet.read_methods import ReadMethods
from liquidation_engine.localnet.view import ChainView


class Outbox(Protocol):
    """Where a connection's notifications go; `put` never waits."""

    def put(self, message: bytes) -> None:
        """Queue a message for the client."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Subscription:
    """One client's wish to hear of one subject."""

    number: int
    kind: str
    subject: Any
    outbox: Outbox
    commitment: Commitment
    config: ReadConfig
    filters: Filters


Key = tuple[str, Commitment, Any]


class Subscriptions:
    """All subscriptions of all connections to one endpoint."""

    def __init__(self, chain: ChainView, reads: ReadMethods) -> None:
        self._chain = chain
        self._reads = reads
        self._numbers = count(1)
        self._by_number: dict[int, Subscription] = {}
        self._by_key: defaultdict[Key, dict[int, Subscription]] = defaultdict(dict)
        self._landed_by_slot: dict[int, list[Landed]] = {}
        self._seen = {commitment: chain.blocks.seen_at(commitment).slot for commitment in Commitment}
        self._reverted: dict[Commitment, set[Pubkey]] = {commitment: set() for commitment in Commitment}
        chain.chain.listen(self._on_event)

    def __len__(self) -> int:
        return len(self._by_number)

    def methods(self, outbox: Outbox) -> dict[str, Callable[[Params], Any]]:
        """Return the methods that a connection's requests may call."""
        subscribe = {
            "accountSubscribe": lambda params: self._add("account", params.pubkey(0), outbox, params.config(1)),
            "programSubscribe": lambda params: self._add("program", params.pubkey(0), outbox, params.config(1)),
            "signatureSubscribe": lambda params: self._add_signature(params, outbox),
            "logsSubscribe": lambda params: self._add("logs", _mentioned(params), outbox, params.config(1)),
            "slotSubscribe": lambda _: self._add("slot", None, outbox, ReadConfig({"commitment": "processed"})),
            "rootSubscribe": lambda _: self._add("root", None, outbox, ReadConfig({})),
        }
        unsubscribe = {
            f"{kind}Unsubscribe": lambda params: self._remove(params.whole(0), outbox)
            for kind in ("account", "program", "signature", "logs", "slot", "root")
        }
        return {**subscribe, **unsubscribe}

    def forget(self, outbox: Outbox) -> None:
        """Remove every subscription of a connection that is gone."""
        for subscription in [one for one in self._by_number.values() if one.outbox is outbox]:
            self._drop(subscription)

    # Adding and removing

    def _add(self, kind: str, subject: Any, outbox: Outbox, config: ReadConfig) -> int:
        filters = config.filters()
        commitment = config.commitment()
        if kind in ("account", "program"):
            config.encoding("binary")
            config.data_slice()
        subscription = Subscription(next(self._numbers), kind, subject, outbox, commitment, config, filters)
        self._by_number[subscription.number] = subscription
        self._by_key[kind, commitment, subject][subscription.number] = subscription
        return subscription.number

    def _add_signature(self, params: Params, outbox: Outbox) -> int:
        signature = to_signature(params.text(0))
        number = self._add("signature", signature, outbox, params.config(1))
        subscription = self._by_number[number]
        landed = self._chain.history.find(signature, self._seen[subscription.commitment])
        if landed is not None:
            # After the answer that tells the client this subscription's number.
            asyncio.get_running_loop().call_soon(self._notify_signature, subscription, landed)
        return number

    def _remove(self, number: int, outbox: Outbox) -> bool:
        subscription = self._by_number.get(number)
        if subscription is None or subscription.outbox is not outbox:
            raise RpcFault(-32602, "Invalid subscription id.")
        self._drop(subscription)
        return True

    def _drop(self, subscription: Subscription) -> None:
        key = (subscription.kind, subscription.commitment, subscription.subject)
        del self._by_number[subscription.number]
        del self._by_key[key][subscription.number]
        if not self._by_key[key]:
            del self._by_key[key]

    def _of(self, kind: str, commitment: Commitment, subject: Any) -> list[Subscription]:
        found = self._by_key.get((kind, commitment, subject))
        return list(found.values()) if found else []

    # Notifying

    def _on_event(self, event: Event) -> None:
        match event:
            case BlockMade(block, landed):
                self._on_block(block, landed)
            case ChangedByHand(pubkey, slot):
                for commitment in Commitment:
                    if slot <= self._seen[commitment]:
                        self._notify_account(commitment, slot, pubkey)
            case Forked(kept_slot, reverted):
                self._on_fork(kept_slot, reverted)

    def _on_fork(self, kept_slot: int, reverted: tuple[Pubkey, ...]) -> None:
        """Go back to the last block that stays; who was told of a state that is no more is told so with the next block."""
        for slot in [slot for slot in self._landed_by_slot if slot > kept_slot]:
            del self._landed_by_slot[slot]
        for commitment, seen in self._seen.items():
            if seen > kept_slot:
                self._reverted[commitment].update(reverted)
                self._seen[commitment] = kept_slot

    def _on_block(self, block: Block, landed: list[Landed]) -> None:
        self._landed_by_slot[block.slot] = landed
        for commitment in Commitment:
            # An endpoint that falls behind says nothing until it has caught up with what it said before.
            seen = max(self._seen[commitment], self._chain.blocks.seen_at(commitment).slot)
            for newly_seen in self._chain.blocks.after(self._seen[commitment], seen):
                self._on_seen(commitment, newly_seen)
            self._seen[commitment] = seen
        for slot in [slot for slot in self._landed_by_slot if slot <= self._seen[Commitment.FINALIZED]]:
            del self._landed_by_slot[slot]

    def _on_seen(self, commitment: Commitment, block: Block) -> None:
        if commitment is Commitment.PROCESSED:
            self._notify_slot(block)
        if commitment is Commitment.FINALIZED:
            for subscription in self._of("root", commitment, None):
                self._notify(subscription, block.slot, None, b"%d" % block.slot)
        for landed in self._landed_by_slot.get(block.slot, ()):
            for subscription in self._of("signature", commitment, landed.decoded.signature):
                self._notify_signature(subscription, landed)
            self._notify_logs(commitment, landed)
        changed = self._chain.state.changed_in(block.slot)
        for pubkey in changed:
            self._notify_account(commitment, block.slot, pubkey)
        self._notify_reverted(commitment, block.slot, changed)

    def _notify_reverted(self, commitment: Commitment, slot: int, changed: list[Pubkey]) -> None:
        """Tell an account's subscribers that it is again what it was; a program's are not told, as on a node."""
        reverted, self._reverted[commitment] = self._reverted[commitment], set()
        for pubkey in reverted.difference(changed):
            version = self._chain.state.closed_or_at(pubkey, slot)
            for subscription in self._of("account", commitment, pubkey):
                self._notify(subscription, slot, str(pubkey), _in_context(slot, self._encoded(version, subscription)))

    def _notify_account(self, commitment: Commitment, slot: int, pubkey: Pubkey) -> None:
        version = self._chain.state.closed_or_at(pubkey, slot)
        for subscription in self._of("account", commitment, pubkey):
            value = self._encoded(version, subscription)
            self._notify(subscription, slot, str(pubkey), _in_context(slot, value))
        if not version.exists:
            return  # a program's subscribers are not told of closed accounts, as on a node
        for subscription in self._of("program", commitment, version.owner):
            if subscription.filters.match(version):
                value = b'{"account":%b,"pubkey":"%b"}' % (self._encoded(version, subscription), str(pubkey).encode())
                self._notify(subscription, slot, str(pubkey), _in_context(slot, value))

    def _encoded(self, version: AccountVersion, subscription: Subscription) -> bytes:
        return orjson.dumps(self._reads.encoded_version(version, subscription.config, "binary"))

    def _notify_signature(self, subscription: Subscription, landed: Landed) -> None:
        if subscription.number not in self._by_number or self._chain.faults.denies_landed:
            return
        self._drop(subscription)
        value = orjson.dumps({"err": landed.error})
        self._notify(subscription, landed.slot, landed.decoded.signature, _in_context(landed.slot, value))

    def _notify_logs(self, commitment: Commitment, landed: Landed) -> None:
        subscribers = self._of("logs", commitment, None)
        for key in landed.keys.all:
            subscribers += self._of("logs", commitment, key)
        if subscribers:
            signature, logs = landed.decoded.signature, landed.meta.logs()
            value = orjson.dumps({"signature": signature, "err": landed.error, "logs": logs})
            for subscription in subscribers:
                self._notify(subscription, landed.slot, signature, _in_context(landed.slot, value))

    def _notify_slot(self, block: Block) -> None:
        blocks = self._chain.blocks
        value = {
            "parent": blocks.parent_slot(block.slot),
            "root": blocks.seen_at(Commitment.FINALIZED).slot,
            "slot": block.slot,
        }
        for subscription in self._of("slot", Commitment.PROCESSED, None):
            self._notify(subscription, block.slot, None, orjson.dumps(value))

    def _notify(self, subscription: Subscription, slot: int, subject: str | None, result: bytes) -> None:
        if self._chain.chain.faults.loses_notification(slot, subscription.kind, subject):
            return
        subscription.outbox.put(
            b'{"jsonrpc":"2.0","method":"%bNotification","params":{"result":%b,"subscription":%d}}'
            % (subscription.kind.encode(), result, subscription.number)
        )


def _in_context(slot: int, value: bytes) -> bytes:
    return b'{"context":{"slot":%d},"value":%b}' % (slot, value)


def _mentioned(params: Params) -> Pubkey | None:
    match params.value(0):
        case "all" | "allWithVotes":
            return None
        case {"mentions": [str() as text]}:
            return to_pubkey(text)
        case _:
            raise invalid_params('Invalid params: expected "all" or one mentioned address.')
