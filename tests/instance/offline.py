"""Run in a network namespace of its own: install the bundle into an empty home, run the demo county, look at its site.

unshare -n python offline.py ARCHIVE HOME
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tarfile
import time
import urllib.request
from pathlib import Path

SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
PORT = 8080
SECONDS = 180


def loopback_up() -> None:
    """Bring the loopback up: it is all the network there is."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh14x", b"lo", 0)
        answer = fcntl.ioctl(any_socket, SIOCGIFFLAGS, request)
        flags = struct.unpack("16sh14x", answer)[1] | IFF_UP
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags))


def no_way_out() -> bool:
    """Say whether there is no other network."""
    with socket.socket() as probe:
        probe.settimeout(2)
        try:
            probe.connect(("192.0.2.1", 80))
        except OSError as error:
            return "unreachable" in str(error)
    return False


def page(path: str) -> str:
    """Return a page of the site, empty while there is none."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{PORT}{path}", timeout=5) as answer:
            return str(answer.read().decode())
    except OSError:
        return ""


def main(archive: Path, home: Path) -> None:
    """Install and run; exits with an error when anything is not as the README says."""
    loopback_up()
    assert no_way_out(), "this is no namespace without a network"
    assert [name for _, name in socket.if_nameindex()] == ["lo"]
    with tarfile.open(archive) as bundle:
        bundle.extractall(home / "unpacked", filter="data")
    [folder] = (home / "unpacked").iterdir()
    environment = {"HOME": str(home), "PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
    environment["PYTHON"] = sys.argv[3] if len(sys.argv) > 3 else shutil.which("python3.11") or ""
    subprocess.run(["sh", str(folder / "install.sh")], env=environment, cwd="/", check=True)
    shutil.rmtree(folder)  # the installation stands by itself
    program = home / "open-gazette" / "current" / ".venv" / "bin" / "gazette"
    command = [str(program), "demo", "--port", str(PORT), "--data", str(home / "demo")]
    demo = subprocess.Popen(command, env=environment, cwd="/")
    try:
        deadline = time.monotonic() + SECONDS
        while "青禾县" not in page("/") or '"total":' not in page("/api/search?q="):
            assert demo.poll() is None, "the demo ended"
            assert time.monotonic() < deadline, "the site does not answer"
            time.sleep(0.5)
        sys.stdout.write("the site answers\n")
    finally:
        demo.send_signal(signal.SIGTERM)
        demo.wait(30)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
