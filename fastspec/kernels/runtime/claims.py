"""Claims: files that say which process compiles a kernel, so that others wait for it instead of doing the same."""

import contextlib
import os
import socket
import time
from pathlib import Path

POLL_SECONDS = 2e-3
LONGEST_SECONDS = 60.0  # a claim is worth waiting for


def claim_of(path: Path) -> Path:
    """The file that claims a file of the cache; `cache.Store.prune` removes it, should its process die."""
    return path.with_name(f"{path.name}.claim.tmp")


def claim_or_wait(path: Path) -> bool:
    """True if this process has the claim, and is to write the file; False once another process has written it.

    Where no claim can be made, or another process takes too long, this one works for itself: True.
    """
    claim, end = claim_of(path), time.monotonic() + LONGEST_SECONDS
    while time.monotonic() < end:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(claim, "x", encoding="utf-8") as file:
                file.write(_owner())
            if not path.exists():
                return True
            release(path)  # the other has just written it, and given up its claim
            return False
        except FileExistsError:
            if not _is_alive(claim):
                _remove(claim)
        except OSError:  # the folder cannot be written
            return True
        if path.exists():
            return False
        time.sleep(POLL_SECONDS)
    return True


def is_claimed(path: Path) -> bool:
    """Whether a process that lives compiles what belongs there."""
    claim = claim_of(path)
    return claim.exists() and _is_alive(claim)


def release(path: Path) -> None:
    """Give up the claim, if it is this process that has it."""
    claim = claim_of(path)
    with contextlib.suppress(OSError, UnicodeDecodeError):
        if claim.read_text("utf-8") == _owner():
            _remove(claim)


def _owner() -> str:
    """What a claim of this process holds."""
    return f"{os.getpid()} {socket.gethostname()}"


def _remove(claim: Path) -> None:
    with contextlib.suppress(OSError):
        claim.unlink(missing_ok=True)


def _is_alive(claim: Path) -> bool:
    """Whether the process of a claim lives, as far as this machine knows."""
    try:
        pid, _, host = claim.read_text("utf-8").partition(" ")
        age = time.time() - claim.stat().st_mtime
    except (OSError, UnicodeDecodeError):
        return False  # it is gone
    if age > LONGEST_SECONDS:
        return False
    if os.name != "posix" or host != socket.gethostname() or not pid.isdigit():
        return True  # it has just been created, or belongs to another machine
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True
