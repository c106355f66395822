"""The VM's accounts as versions: what each slot changed, for readers, subscribers and the recording."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from solders.account import Account
from solders.pubkey import Pubkey

from liquidation_engine.localnet.accounts import AccountStore, AccountVersion
from liquidation_engine.localnet.recording import Recording
from liquidation_engine.localnet.vm import SYSVAR_OWNER, Vm

LARGEST_RECORDED = 2**63 - 1  # SQLite's integers are signed


class State:
    """Keeps the version store in step with the VM."""

    def __init__(self, vm: Vm, recording: Recording, first_slot: int) -> None:
        self._vm = vm
        self._recording = recording
        self._first_slot = first_slot
        self._store = AccountStore()
        self._changed: defaultdict[int, dict[Pubkey, None]] = defaultdict(dict)
        self._unrecorded: dict[Pubkey, None] = {}

    def newest(self, pubkey: Pubkey) -> AccountVersion | None:
        """Return the newest version, taking accounts that the VM itself brought along into the store.

        Sysvars change without being written by a transaction, so they are read from the VM each time.
        """
        version = self._store.newest(pubkey)
        if version is not None:
            return version
        account = self._vm.get_account(pubkey)
        if account is None or account.lamports == 0:
            return None
        version = AccountVersion.of(self._first_slot, account)
        if version.owner != SYSVAR_OWNER:
            self._store.put(pubkey, version)
        return version

    def at(self, pubkey: Pubkey, slot: int) -> AccountVersion | None:
        """Return the account at the end of `slot`, None where there is none; sysvars are always the newest."""
        version = self._store.at(pubkey, slot) if pubkey in self._store else self.newest(pubkey)
        return version if version is not None and version.exists else None

    def closed_or_at(self, pubkey: Pubkey, slot: int) -> AccountVersion:
        """Return the account at the end of `slot`, as an empty account where there is none."""
        return self.at(pubkey, slot) or AccountVersion.of(slot, None)

    def owned_at(self, owner: Pubkey, slot: int) -> Iterator[tuple[Pubkey, AccountVersion]]:
        """Yield each account that `owner` owned at the end of `slot`."""
        return self._store.owned_at(owner, slot)

    def set_by_hand(self, pubkey: Pubkey, account: Account, slot: int) -> None:
        """Put an account into VM and store."""
        if account.lamports > LARGEST_RECORDED:
            raise ValueError(f"account {pubkey} has {account.lamports} lamports, expected less than 2^63")
        self._vm.set_account(pubkey, account)
        self._put(pubkey, AccountVersion.of(slot, account))

    def refresh(self, formers: Iterable[tuple[Pubkey, AccountVersion | None]], slot: int) -> None:
        """Take over what a transaction in `slot` has changed among accounts that were `formers` before it."""
        for pubkey, former in formers:
            version = AccountVersion.of(slot, self._vm.get_account(pubkey))
            if version.owner == SYSVAR_OWNER or (former is None and not version.exists):
                continue
            if former is None or not former.same_state(version):
                self._put(pubkey, version)

    def changed_in(self, slot: int) -> list[Pubkey]:
        """Return the accounts that `slot` changed; forgotten once it is final."""
        return list(self._changed.get(slot, ()))

    def record(self, slot: int) -> None:
        """Record the accounts that changed since the last call, as they are at the end of `slot`."""
        for pubkey in self._unrecorded:
            version = self._store.newest(pubkey)
            if version is not None:
                self._recording.account(
                    slot, bytes(pubkey), bytes(version.owner), version.lamports, version.executable, version.data
                )
        self._unrecorded.clear()

    def revert(self, kept_slot: int) -> tuple[Pubkey, ...]:
        """Undo every change above `kept_slot`, in store and VM, and return the accounts that changed back."""
        undone: dict[Pubkey, None] = {}
        for slot in [slot for slot in self._changed if slot > kept_slot]:
            undone |= self._changed.pop(slot)
        for pubkey in undone:
            self._store.revert(pubkey, kept_slot)
            version = self._store.newest(pubkey)
            self._vm.set_account(pubkey, (version or AccountVersion.of(kept_slot, None)).to_account())
            self._unrecorded.pop(pubkey, None)
        return tuple(undone)

    def forget_before(self, final_slot: int) -> None:
        """Forget versions and changes that no commitment can see any more."""
        for slot in [slot for slot in self._changed if slot <= final_slot]:
            for pubkey in self._changed.pop(slot):
                self._store.prune(pubkey, final_slot)

    def _put(self, pubkey: Pubkey, version: AccountVersion) -> None:
        self._store.put(pubkey, version)
        self._changed[version.slot][pubkey] = None
        self._unrecorded[pubkey] = None
