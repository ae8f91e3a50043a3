"""What the figures depend on beside the code: machine, versions, revision, load, and how fast a fixed loop runs."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["calibrate", "environment", "load"]

_ROOT = Path(__file__).resolve().parents[1]
_CODE = ("placement", "solver", "topology", "bench/suites", "bench/baselines", "bench/policies")
_VERSIONS = ("numpy", "ortools", "pydantic", "protobuf")
_LOOP = 200_000
_WIDTH = 200_000


def environment() -> dict[str, Any]:
    """Machine, versions and revision. `code` is a hash of the files that decide what a row means (`_CODE`)."""
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "memory_gib": _memory_gib(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in _VERSIONS},
        "git": _git("rev-parse", "--short", "HEAD"),
        "changed": bool(_git("status", "--porcelain", "--untracked-files=no")),
        "code": _code(),
    }


def load() -> float:
    """Mean number of runnable processes during the last minute."""
    return round(os.getloadavg()[0], 2)


def calibrate() -> float:
    """Milliseconds of a fixed loop, half of it Python and half numpy: rows with unlike figures do not compare."""
    began = time.perf_counter()
    total = 0
    for number in range(_LOOP):
        total += number * number % 7
    row = np.arange(_WIDTH, dtype=np.int64)
    for _ in range(10):
        row = np.sort(row[::-1]) ^ (total & 1)
    return round((time.perf_counter() - began) * 1e3, 2)


def _cpu() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _memory_gib() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (ValueError, OSError):
        return None


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _git(*args: str) -> str | None:
    """What git says; None outside a work tree or without git."""
    git = shutil.which("git")
    if git is None:
        return None
    done = subprocess.run([git, *args], cwd=_ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or None if done.returncode == 0 else None


def _code() -> str:
    digest = hashlib.sha256()
    found = (path for name in _CODE for end in ("py", "toml") for path in (_ROOT / name).rglob(f"*.{end}"))
    for path in sorted(found):
        digest.update(f"{path.relative_to(_ROOT).as_posix()}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
