"""Becomes a server that ends with its owner. Run as a file, by a bare interpreter, between the owner and the server.

A step of its own because each part must happen in the child: giving up root (the signal at the owner's death is forgotten when the user
changes), asking for that signal, and checking that the owner did not die before it was asked for.

Arguments: owner's pid, signal at its death, user id, group id (-1 keeps them), then the command.
"""

import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Turn this process into the command."""
    owner, death_signal, user, group = (int(text) for text in arguments[:4])
    command = arguments[4:]
    if user >= 0:
        os.setgroups([])
        os.setgid(group)
        os.setuid(user)
    if sys.platform == "linux":  # elsewhere the next owner of the data folder cleans up
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
    if os.getppid() != owner:
        sys.exit(f"the owner, process {owner}, ended before {command[0]} was started")
    os.execv(command[0], command)  # noqa: S606 - the owner's own command


if __name__ == "__main__":
    main(sys.argv[1:])
