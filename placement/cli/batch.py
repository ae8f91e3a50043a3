"""What waits, without a fleet: the file that a running server is asked about."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from placement.cli.changes import limits
from placement.cli.streams import read_input
from placement.model import Case, PlacementGroup, Policy, Tenant, Workload
from placement.model.document import parse_syntax, validate_text
from placement.model.fields import Document, Natural, refuse_repeats

__all__ = ["Batch", "read_batch"]


class Batch(Document):
    """The fields of a case that say what waits and by which rules it is decided; all but the workloads may lack."""

    schema_version: Literal[1] = 1
    workloads: Annotated[tuple[Workload, ...], Field(max_length=200_000)]
    tenants: Annotated[tuple[Tenant, ...], Field(max_length=100_000)] = ()
    groups: Annotated[tuple[PlacementGroup, ...], Field(max_length=100_000)] = ()
    policy: Policy | None = None
    seed: Natural = 0

    @model_validator(mode="after")
    def _once(self) -> Batch:
        refuse_repeats([workload.id for workload in self.workloads], "workloads", "id")
        return self

    @property
    def options(self) -> dict[str, Any]:
        """The fields beside the workloads, as the client takes them."""
        return {name: getattr(self, name) for name in ("tenants", "groups", "policy", "seed")}


def read_batch(path: str) -> Batch:
    """The batch of a file (or stdin); of a case only what waits, since fleet and running work are the server's.

    InputError if it is malformed, or larger than the limits of the environment.
    """
    held = limits()
    data = read_input(path)
    held.check_bytes(len(data), "batch")
    text, plain = parse_syntax(data, "batch")
    if isinstance(plain, dict) and "fleet" in plain:
        case = Case.from_json(data)
        batch = Batch(**{name: getattr(case, name) for name in Batch.model_fields})
    else:
        batch = validate_text(Batch, text, "batch")
    held.check_work(batch.workloads, ())
    return batch
