"""Our engine as a gRPC caller meets it: the real server in a process of its own, one call per answer."""

from __future__ import annotations

import subprocess
import sys

from bench.method import Answer, CaseMethod, Placements, Refusal, answer_of
from placement.client import Client
from placement.errors import InputError
from placement.model import Case, Decision
from placement.snapshot import Snapshot

__all__ = ["Served"]

_END_S = 60.0
_FIRST_S = 2.0


class Served(CaseMethod):
    """`moorage serve`, told the fleet and the running work before the call, and asked with `validate_only`.

    What an answer takes is what the caller waits for: encoding, transport, decoding and validation in the server, the
    solve that it asked for, the check, and the way back.
    """

    name = "moorage"

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._client: Client | None = None
        self._held: Case | None = None
        self._case_id = ""

    def prepare(self, subject: Case) -> None:
        """Start the server at the first use; put fleet and running work unless it holds them."""
        client = self._connected()
        if self._held is not subject:
            client.put_fabric(subject.fleet, running=subject.running)
            # The first call after a change compiles the fleet, for all that follow.
            self._place(subject, time_limit_s=_FIRST_S, seed=0)
            self._held, self._case_id = subject, Snapshot.of(subject).case_id

    def answer(self, subject: Case, *, time_limit_s: float, seed: int) -> Answer[Placements]:
        """One Place call. The decision goes with the answer, so that its figures and proofs are verified too.

        Raises Refusal where the server says that so short a limit is not enough (`placement.ladder`).
        """
        try:
            decision = self._place(subject, time_limit_s=time_limit_s, seed=seed)
        except InputError as error:
            if error.field == "max_solve_time":
                raise Refusal(str(error)) from None
            raise
        # The server's case is the same but for its budget; all figures are verified on the one of the bench.
        return answer_of(decision.model_copy(update={"case_id": self._case_id}))

    def close(self) -> None:
        """End client and server."""
        if self._client is not None:
            self._client.close()
        if self._process is not None:
            with self._process as process:
                process.terminate()
                try:
                    process.wait(_END_S)
                except subprocess.TimeoutExpired:
                    process.kill()

    def _place(self, subject: Case, *, time_limit_s: float, seed: int) -> Decision:
        return (
            self._connected()
            .place(
                subject.workloads,
                validate_only=True,
                max_solve_s=time_limit_s,
                tenants=subject.tenants,
                groups=subject.groups,
                policy=subject.policy,
                now_s=subject.now_s,
                seed=seed,
            )
            .decision
        )

    def _connected(self) -> Client:
        if self._client is None:
            command = [sys.executable, "-m", "placement.cli.main", "serve", "--port", "0", "--log-level", "ERROR"]
            self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            line = "" if self._process.stdout is None else self._process.stdout.readline()
            if not line:
                raise InputError("bench", "the server does not start", "run moorage serve by hand to see why")
            self._client = Client(line.split()[-1])
        return self._client
