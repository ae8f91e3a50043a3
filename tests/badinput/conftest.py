"""One real server for all requests of this folder."""

from collections.abc import Iterator

import pytest

from tests.mutate.server import Client, serving


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """A client of a server with the real engine and the fleet of the sound case."""
    with serving() as found:
        yield found
