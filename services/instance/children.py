"""Children of this process: start them, end them, find those that an earlier crash left.

A child is in our process group and gets a signal from the kernel when we die, however we die.
The kernel watches the *thread* that started it, so children are started from the main thread.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from shared.errors import Refused

CAP_DAC_OVERRIDE = 1
CAP_DAC_READ_SEARCH = 2
SERVER_USERS = ("pgserver", "nobody")
LOG_LIMIT = 10 * 1024 * 1024
_LAUNCH = Path(__file__).with_name("launch.py")
_POLL = 0.02


class ServerFailed(Refused):
    """本机的服务器没有运行。 / An embedded server does not run."""


@dataclass(frozen=True)
class Account:
    """The operating-system user that embedded servers run as when we are root."""

    name: str
    uid: int
    gid: int

    def own(self, path: Path) -> None:
        """Give a file or folder to this user."""
        os.chown(path, self.uid, self.gid)


def server_account(kept: Path) -> Account | None:
    """Return the user for the servers: the owner of the *kept* folder, else one of our choice.

    None when we are not root: then the servers run as whoever we are.
    """
    if os.geteuid() != 0:
        return None
    if kept.exists() and (owner := kept.stat()).st_uid != 0:
        return Account(f"#{owner.st_uid}", owner.st_uid, owner.st_gid)
    name = SERVER_USERS[0]
    if (known := _known_account(name)) is None and (tool := shutil.which("useradd")):
        subprocess.run(  # noqa: S603 - fixed words
            [tool, "--system", "--user-group", "--no-create-home", "--shell", "/bin/false", name],
            check=False,
            capture_output=True,
        )
        known = _known_account(name)
    if (account := known or _known_account(SERVER_USERS[1])) is None:
        raise ServerFailed(f"servers do not run as root; `useradd --system {name}` makes a user")
    return account


def _known_account(name: str) -> Account | None:
    """Return this user, if the machine has it."""
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return Account(name, entry.pw_uid, entry.pw_gid)


def private_folder(path: Path, account: Account | None) -> Path:
    """Make a folder that only the servers' user (and root) enters."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    found, allowed = path.lstat(), {os.geteuid(), account.uid if account else os.geteuid()}
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in allowed:
        raise ServerFailed(f"{path} belongs to somebody else; remove it, or choose another folder")
    path.chmod(0o700)
    if account is not None:
        account.own(path)
    return path


@dataclass(frozen=True)
class Program:
    """What to run, as whom, and which signal it gets from the kernel when we die."""

    command: Sequence[str]
    account: Account | None = None
    log: Path | None = None
    """Where its output goes; None: where ours goes."""
    death_signal: signal.Signals = signal.SIGKILL
    folders: Sequence[Path] = ()
    """Folders that it must be able to reach."""
    environment: Mapping[str, str] = field(default_factory=dict)


def spawn(program: Program) -> subprocess.Popen[bytes]:
    """Start a child of the calling thread, which should be the main one."""
    account = program.account
    ids = [account.uid, account.gid, _capability(program, account)] if account else [-1, -1, -1]
    words = [os.getpid(), int(program.death_signal), *ids]
    base = {"PATH": os.defpath, "LANG": "C.UTF-8", "TZ": "UTC"}
    with _output(program.log) as output:
        return subprocess.Popen(  # noqa: S603 - our own programs
            [sys.executable, "-I", "-S", str(_LAUNCH), *map(str, words), *program.command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**base, **program.environment},
        )


@contextmanager
def _output(log: Path | None) -> Iterator[BinaryIO | None]:
    """Open a child's log for appending; one that has grown large is put aside first."""
    if log is None:
        yield None
        return
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > LOG_LIMIT:
        log.replace(log.with_suffix(".log.1"))
    with log.open("ab") as file:
        log.chmod(0o600)
        yield file


def _capability(program: Program, account: Account) -> int:
    """Return the one capability that lets this user reach its folders; -1 when none is needed.

    A clone in a folder of mode 700 (root's home, `mktemp -d`) is closed to any other user. Opening
    the operator's folders to everyone would be worse than letting the server pass through them.
    """
    binary = Path(program.command[0])
    closed = [path for path in (binary, *program.folders) if not _reachable(path, account)]
    runs = _allowed(binary, account, 0o5)
    if not closed and runs:
        return -1
    wanted = [CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE] if runs else [CAP_DAC_OVERRIDE]
    held = _held_capabilities()
    for capability in wanted:
        if held >> capability & 1:
            return capability
    raise ServerFailed(
        f"the user {account.name} of the servers cannot reach {(closed or [binary])[0]}: "
        f"choose another folder, or open those above it with `chmod o+x`"
    )


def _reachable(path: Path, account: Account) -> bool:
    """Say whether this user may pass through every folder above the path."""
    return all(_allowed(folder, account, 0o1) for folder in path.resolve().parents)


def _allowed(path: Path, account: Account, bits: int) -> bool:
    """Say whether the mode of this file gives these bits (of `rwx`) to this user."""
    info = path.stat()
    shift = 6 if info.st_uid == account.uid else 3 if info.st_gid == account.gid else 0
    return (info.st_mode >> shift & bits) == bits


def _held_capabilities() -> int:
    """Return the effective capabilities of this process as bits."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("CapEff:"):
            return int(line.split()[1], 16)
    return 0


def end(child: subprocess.Popen[bytes], steps: Sequence[tuple[signal.Signals, float]]) -> None:
    """End a child: each signal gets its seconds, and at the last the child is gone."""
    for number, seconds in steps:
        if child.poll() is not None:
            return
        child.send_signal(number)
        with suppress(subprocess.TimeoutExpired):
            child.wait(seconds)
    if child.poll() is None:
        child.kill()
        child.wait()


@dataclass(frozen=True)
class Stranger:
    """A running process that is not our child."""

    pid: int
    program: str
    folder: str
    arguments: Sequence[str]


def strangers(program: str) -> Iterator[Stranger]:
    """Find the running processes of this program that we may look at."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with suppress(OSError):
            binary = (entry / "exe").readlink().name.removesuffix(" (deleted)")
            if binary != program:
                continue
            words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
            folder = str((entry / "cwd").readlink())
            yield Stranger(int(entry.name), binary, folder, words)


def end_strangers(pids: Sequence[int], number: signal.Signals, seconds: float) -> None:
    """End processes of an earlier run, by force after these seconds, and wait until they are gone."""
    for signal_number, patience in ((number, seconds), (signal.SIGKILL, 10.0)):
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal_number)
        if _gone(pids, patience):
            return
    raise ServerFailed(f"processes {list(pids)} of an earlier run do not end")


def _gone(pids: Sequence[int], seconds: float) -> bool:
    """Wait until none of these runs; zombies count as gone."""
    deadline = time.monotonic() + seconds
    while any(_runs(pid) for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL)
    return True


def _runs(pid: int) -> bool:
    """Say whether this process runs, and is more than a zombie."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] != "Z"
