"""Turn into another program that lives no longer than its parent, as another user if asked.

Run as a script: `launch.py PARENT SIGNAL UID GID CAPABILITY PROGRAM ARG…`; UID -1 keeps the user,
CAPABILITY -1 keeps none. It is a program of its own because code between fork and exec of a
process with threads may hang, and because the kernel forgets the death signal when ids change:
here the order is right, and nothing else runs.
"""

from __future__ import annotations

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1
PR_SET_SECUREBITS = 28
SECBIT_NO_SETUID_FIXUP = 1 << 2
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CAPABILITY_VERSION_3 = 0x20080522
PARENT_IS_GONE = 75


def _checked(result: int, what: str) -> None:
    """Raise when the C library said no."""
    if result != 0:
        raise OSError(ctypes.get_errno(), what)


def _keep_one_capability(libc: ctypes.CDLL, capability: int) -> None:
    """Hold exactly this capability, and hand it to the program that is run next."""
    words = [0, 0]
    words[capability // 32] = 1 << (capability % 32)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    # Twice (effective, permitted, inheritable): the low and the high 32 capabilities.
    sets = (ctypes.c_uint32 * 6)(*[words[0]] * 3, *[words[1]] * 3)
    _checked(libc.capset(header, sets), "capset")
    _checked(libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0), "ambient")


def _become(libc: ctypes.CDLL, uid: int, gid: int, capability: int) -> None:
    """Give up root for this user, but for one capability if asked."""
    if capability >= 0:
        # Capabilities outlive the change of user, and access(2), by which PostgreSQL looks at its
        # own programs, counts them too.
        _checked(libc.prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0), "securebits")
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    if capability >= 0:
        _keep_one_capability(libc, capability)


def main(arguments: list[str]) -> None:
    """Run the program; never returns."""
    parent, signal, uid, gid, capability = (int(number) for number in arguments[:5])
    libc = ctypes.CDLL(None, use_errno=True)
    if uid >= 0:
        _become(libc, uid, gid, capability)
    _checked(libc.prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0), "pdeathsig")
    if os.getppid() != parent:  # it died before we asked to be told
        sys.exit(PARENT_IS_GONE)
    os.umask(0o077)
    os.execv(arguments[5], arguments[5:])  # noqa: S606 - running a program is what this is for


if __name__ == "__main__":
    main(sys.argv[1:])
