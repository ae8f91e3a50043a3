"""What must be the same at both ends of a line that carries pickled objects."""

from __future__ import annotations

import hashlib
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

__all__ = ["edition"]


@cache
def edition() -> str:
    """This code, and what its messages are pickled with: `moorage 0.1.0 (solver 3f2a91bc), Python 3.12, numpy 2`.

    The digits are the start of a SHA-256 over the sources of this package, since two states of a checkout have one
    version.
    """
    try:
        release = version("moorage")
    except PackageNotFoundError:
        release = "of a folder"
    folder = Path(__file__).parent
    digest = hashlib.sha256()
    for file in sorted(folder.rglob("*.py")):
        digest.update(f"{file.relative_to(folder).as_posix()}\0".encode() + file.read_bytes() + b"\0")
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return f"moorage {release} (solver {digest.hexdigest()[:8]}), Python {python}, numpy {np.__version__.split('.')[0]}"
