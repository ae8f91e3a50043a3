"""Send many mutated requests to the real server: `python -m tests.mutate --requests 20000`."""

import argparse
import sys
import time

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from tests.mutate.requests import CALLS, mutated
from tests.mutate.server import serving


def main() -> int:
    """Exit code 0 if every answer was whole or a clear refusal; the first one that was not is shrunk and shown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    wish = parser.parse_args()
    print(f"{wish.requests} requests, seed {wish.seed}", flush=True)
    began = time.monotonic()
    with serving() as client:

        @seed(wish.seed)
        @settings(
            max_examples=wish.requests,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(st.sampled_from(CALLS).flatmap(lambda call: st.tuples(st.just(call), mutated(call))))
        def send(sent: tuple[str, object]) -> None:
            client.judge(*sent)  # type: ignore[arg-type]
            count = sum(client.codes.values())
            if count % 1000 == 0:
                print(f"{count} answers in {time.monotonic() - began:.0f} s", flush=True)

        try:
            send()
        finally:
            for name, number in sorted(client.codes.items()):
                print(f"{number:8} {name}")
            print(f"{sum(client.codes.values())} answers in {time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
