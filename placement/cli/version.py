"""`moorage version`: what is installed."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of

__all__ = ["EXAMPLES", "version"]

EXAMPLES = """\b
Examples:
  moorage version
"""


def version() -> None:
    """Print the version of Moorage, of its solver and of Python."""
    print(f"moorage {_version('moorage')} (ortools {_version('ortools')}, Python {platform.python_version()})")


def _version(package: str) -> str:
    """Read from the metadata: importing ortools would take most of a second."""
    try:
        return version_of(package)
    except PackageNotFoundError:
        return "not installed"
