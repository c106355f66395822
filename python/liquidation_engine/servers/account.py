"""Under which user Postgres runs, and where its files can lie so that this user reaches them.

Postgres refuses to run as root. Root therefore starts it as an existing unprivileged user; nobody's permissions are widened for it. Where
that user could not enter the data folder or the Python environment (a checkout below /root, a temporary folder of mode 0700), the cluster
and a copy of the Postgres installation move into a shelter below /var/tmp, which the data folder names.
"""

import os
import pwd
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from liquidation_engine.errors import ServerError

_CANDIDATES = ("pgserver", "postgres", "nobody")
_SHELTERS = Path("/var/tmp")  # noqa: S108 - survives a reboot, as a data folder must; made with mkdtemp
_PREFIX = "liquidation-engine-"


@dataclass(frozen=True, slots=True)
class Account:
    """An operating system user."""

    user_id: int
    group_id: int

    def may_enter(self, folder: Path) -> bool:
        """Return whether this user may walk down to `folder`."""
        return all(self._has(step.stat(), 0o1) for step in (folder, *folder.parents))

    def may_read(self, file: Path) -> bool:
        """Return whether this user may walk to `file` and read it."""
        return self._has(file.stat(), 0o4) and self.may_enter(file.parent)

    def _has(self, found: os.stat_result, permission: int) -> bool:
        shift = 6 if found.st_uid == self.user_id else 3 if found.st_gid == self.group_id else 0
        return bool(stat.S_IMODE(found.st_mode) & (permission << shift))


@dataclass(frozen=True, slots=True)
class Place:
    """Where Postgres runs from, where its cluster lies, and as whom it runs (None: as ourselves)."""

    home: Path
    installation: Path
    account: Account | None


def place_postgres(data_folder: Path, installation: Path) -> Place:
    """Choose user, home and installation, and make the home."""
    if os.geteuid() != 0:
        home = data_folder / "postgres"
        home.mkdir(mode=0o700, exist_ok=True)
        return Place(home, installation, None)
    data_folder.chmod(stat.S_IMODE(data_folder.stat().st_mode) | 0o011)  # ours; files inside are closed one by one
    sweep_shelters()
    account = _account(data_folder)
    program = installation / "bin" / "postgres"
    if account.may_enter(data_folder) and account.may_read(program) and account.may_read(_catalogue(installation)):
        home = data_folder / "postgres"
    else:
        shelter = _shelter(data_folder)
        home = shelter / "postgres"
        installation = _copy_installation(installation, shelter)
    home.mkdir(mode=0o700, exist_ok=True)
    os.chown(home, account.user_id, account.group_id)
    return Place(home, installation, account)


def homes(data_folder: Path) -> list[Path]:
    """Return the folders whose processes belong to `data_folder`."""
    note = _note(data_folder)
    return [data_folder, Path(note.read_text())] if note.exists() else [data_folder]


def sweep_shelters() -> None:
    """Remove the shelters that no data folder names any more, because it was deleted or begun anew."""
    for shelter in _SHELTERS.glob(f"{_PREFIX}*"):
        owner = shelter / "data-folder"
        if shelter.is_symlink() or shelter.stat().st_uid != 0 or not owner.is_file():
            continue
        note = _note(Path(owner.read_text()))
        if not note.is_file() or note.read_text() != str(shelter):
            shutil.rmtree(shelter, ignore_errors=True)


def _account(data_folder: Path) -> Account:
    cluster = data_folder / "postgres"
    if cluster.is_dir() and cluster.stat().st_uid != 0:  # as it began, so it goes on
        return Account(cluster.stat().st_uid, cluster.stat().st_gid)
    for name in _CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise ServerError(
        "Postgres refuses to run as root and none of the users pgserver, postgres, nobody exists: "
        "run as another user, or set DATABASE_URL to a server that runs already"
    )


def _note(data_folder: Path) -> Path:
    return data_folder / "postgres.shelter"


def _shelter(data_folder: Path) -> Path:
    note = _note(data_folder)
    if note.exists() and (shelter := Path(note.read_text())).is_dir():
        return shelter
    shelter = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=_SHELTERS))
    note.write_text(str(shelter))
    (shelter / "data-folder").write_text(str(data_folder))  # last: from here on it may be swept
    shelter.chmod(0o711)
    return shelter


def _catalogue(installation: Path) -> Path:
    return next(installation.glob("share/**/postgres.bki"), installation)


def _copy_installation(installation: Path, shelter: Path) -> Path:
    """Copy the installation with the libraries that the wheel keeps beside its package, and make the copies readable."""
    package = installation.parent
    copy = shelter / "site"
    if not copy.is_dir():
        partial = shelter / "site.partial"
        shutil.rmtree(partial, ignore_errors=True)
        useless = shutil.ignore_patterns("include", "*.a")
        shutil.copytree(installation, partial / package.name / installation.name, symlinks=True, ignore=useless)
        for libraries in package.parent.glob(f"{package.name}.libs"):
            shutil.copytree(libraries, partial / libraries.name, symlinks=True)
        for path in (partial, *partial.rglob("*")):
            if not path.is_symlink():
                mode = stat.S_IMODE(path.stat().st_mode)
                path.chmod(mode | 0o044 | (0o011 if mode & 0o100 else 0))
        partial.rename(copy)
    return copy / package.name / installation.name
