"""The accounts as each commitment sees them: every version of the slots that are not final yet."""

from base64 import b64encode
from collections import defaultdict
from collections.abc import Iterator

from solders.account import Account
from solders.pubkey import Pubkey

SYSTEM_PROGRAM = Pubkey.default()


class AccountVersion:
    """One account as it was from `slot` on; its encodings are made at first use and kept."""

    __slots__ = ("_base64", "_ui", "data", "executable", "lamports", "owner", "slot")

    def __init__(self, slot: int, lamports: int, owner: Pubkey, data: bytes, executable: bool) -> None:
        self.slot = slot
        self.lamports = lamports
        self.owner = owner
        self.data = data
        self.executable = executable
        self._base64: str | None = None
        self._ui: bytes | None = None

    @classmethod
    def of(cls, slot: int, account: Account | None) -> "AccountVersion":
        """Return the version that `account` is; a missing account is a closed one."""
        if account is None or account.lamports == 0:
            return cls(slot, 0, SYSTEM_PROGRAM, b"", False)
        return cls(slot, account.lamports, account.owner, bytes(account.data), account.executable)

    @property
    def exists(self) -> bool:
        """Whether there is an account: one without lamports is closed."""
        return self.lamports > 0

    @property
    def base64(self) -> str:
        """The data in base64."""
        if self._base64 is None:
            self._base64 = b64encode(self.data).decode()
        return self._base64

    @property
    def ui_base64(self) -> bytes:
        """The whole account as the JSON object that RPC nodes answer with for the encoding `base64`."""
        if self._ui is None:
            self._ui = (
                f'{{"data":["{self.base64}","base64"],"executable":{"true" if self.executable else "false"},'
                f'"lamports":{self.lamports},"owner":"{self.owner}","rentEpoch":18446744073709551615,'
                f'"space":{len(self.data)}}}'
            ).encode()
        return self._ui

    def same_state(self, other: "AccountVersion") -> bool:
        """Return whether both hold the same lamports, owner and data, whatever their slots."""
        return (
            self.lamports == other.lamports
            and self.data == other.data
            and self.owner == other.owner
            and self.executable == other.executable
        )

    def to_account(self) -> Account:
        """Return the account as the VM takes it."""
        return Account(self.lamports, self.data, self.owner, self.executable, 2**64 - 1)


class AccountStore:
    """Versions by address, newest last, with an index by owner so that a program's accounts are found at once."""

    def __init__(self) -> None:
        self._versions: dict[Pubkey, list[AccountVersion]] = {}
        self._owned: defaultdict[Pubkey, dict[Pubkey, None]] = defaultdict(dict)

    def __contains__(self, pubkey: Pubkey) -> bool:
        return pubkey in self._versions

    def put(self, pubkey: Pubkey, version: AccountVersion) -> None:
        """Add a version; one of the same slot is replaced."""
        versions = self._versions.setdefault(pubkey, [])
        if versions and versions[-1].slot >= version.slot:
            replaced = versions.pop()
            versions.append(version)
            self._release(pubkey, replaced.owner, versions)
        else:
            versions.append(version)
        self._owned[version.owner][pubkey] = None

    def newest(self, pubkey: Pubkey) -> AccountVersion | None:
        """Return the newest version, final or not."""
        versions = self._versions.get(pubkey)
        return versions[-1] if versions else None

    def at(self, pubkey: Pubkey, slot: int) -> AccountVersion | None:
        """Return the account as it stood at the end of `slot`, or None if it was not known by then."""
        for version in reversed(self._versions.get(pubkey, ())):
            if version.slot <= slot:
                return version
        return None

    def owned_at(self, owner: Pubkey, slot: int) -> Iterator[tuple[Pubkey, AccountVersion]]:
        """Yield each account that `owner` owned at the end of `slot`."""
        for pubkey in tuple(self._owned.get(owner, ())):
            version = self.at(pubkey, slot)
            if version is not None and version.owner == owner and version.exists:
                yield pubkey, version

    def revert(self, pubkey: Pubkey, kept_slot: int) -> None:
        """Forget the versions above `kept_slot`."""
        versions = self._versions.get(pubkey, [])
        while versions and versions[-1].slot > kept_slot:
            undone = versions.pop()
            self._release(pubkey, undone.owner, versions)
        if not versions:
            self._versions.pop(pubkey, None)

    def prune(self, pubkey: Pubkey, final_slot: int) -> None:
        """Forget the versions that no commitment can see any more."""
        versions = self._versions.get(pubkey)
        if versions is None:
            return
        while len(versions) > 1 and versions[1].slot <= final_slot:
            former = versions.pop(0)
            self._release(pubkey, former.owner, versions)
        if len(versions) == 1 and not versions[0].exists and versions[0].slot <= final_slot:
            del self._versions[pubkey]
            self._owned[versions[0].owner].pop(pubkey, None)

    def _release(self, pubkey: Pubkey, owner: Pubkey, remaining: list[AccountVersion]) -> None:
        if all(version.owner != owner for version in remaining):
            self._owned[owner].pop(pubkey, None)
