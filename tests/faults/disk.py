"""A small disk of its own (a file, a loop device, ext4), from which the power can be taken; needs root."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from services.instance.children import strangers


@dataclass
class Disk:
    """A file system in a file. What was not synced is in memory alone, and gone after `cut`."""

    image: Path
    place: Path
    """Where it is mounted."""
    cuts: int = 0

    def cut(self) -> None:
        """Take the power away: what had reached the device stays, and is mounted again as after a reboot.

        Whoever worked on the disk has been killed before.
        """
        self.cuts += 1
        after = self.image.with_name(f"after-{self.cuts}.img")
        run("cp", "--sparse=always", self.image, after)
        run("umount", self.place)
        self.image.unlink()
        self.image = after
        self.mount()

    def mount(self) -> None:
        """Mount the file, replaying its journal."""
        run("mount", "-o", "loop", self.image, self.place)

    def close(self) -> None:
        """Unmount; processes of ours that still work there are ended by their tests."""
        with suppress(subprocess.CalledProcessError):
            run("umount", "--lazy", self.place)


def run(*words: object) -> None:
    """Run a command to its end; its words are the message when it fails."""
    subprocess.run(list(map(str, words)), check=True, capture_output=True)


@contextmanager
def disk(folder: Path, megabytes: int) -> Iterator[Disk]:
    """Make and mount a disk; skips where that is not allowed."""
    if os.geteuid() != 0 or not shutil.which("mkfs.ext4"):
        pytest.skip("needs root and mkfs.ext4, to mount a disk of its own")
    made = Disk(folder / "disk.img", folder / "disk")
    made.place.mkdir()
    with made.image.open("wb") as file:
        file.truncate(megabytes << 20)
    run("mkfs.ext4", "-q", "-F", "-m", "0", made.image)
    try:
        made.mount()
    except subprocess.CalledProcessError as error:
        pytest.skip(f"cannot mount a loop device: {error.stderr.decode()[:200]}")
    made.place.chmod(0o755)
    try:
        yield made
    finally:
        made.close()


@contextmanager
def small_memory_disk(place: Path, megabytes: int) -> Iterator[None]:
    """Mount a file system in memory of so many megabytes; it can be made larger by `grow`. Skips without root."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to mount a small file system")
    place.mkdir(parents=True, exist_ok=True)
    try:
        run("mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "tmpfs", place)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"cannot mount a tmpfs: {error.stderr.decode()[:200]}")
    try:
        yield
    finally:
        with suppress(subprocess.CalledProcessError):
            run("umount", "--lazy", place)


def grow(place: Path, megabytes: int) -> None:
    """Give a file system in memory more room."""
    run("mount", "-o", f"remount,size={megabytes}m", place)


def kill_all_of(program: str, folder: Path) -> None:
    """Kill every process of *program* that works on *folder*, with signal 9: nothing is flushed."""
    for found in list(strangers(program)):
        if str(folder) in found.folder or any(str(folder) in word for word in found.arguments):
            with suppress(ProcessLookupError):
                os.kill(found.pid, 9)
