"""What already runs, and exactly where."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

from pydantic import Field, model_validator

from placement.model.fields import Document, EpochSeconds, Name, refuse
from placement.model.workload import Role, Workload

__all__ = ["Device", "Replica", "Running"]


class Device(Document):
    """A share of one GPU of a node: device `index`, `milli` of its 1000."""

    index: Annotated[int, Field(ge=0, le=63)]
    milli: Annotated[int, Field(ge=1, le=1000)] = 1000


class Replica(Document):
    """One running replica of a role, on one node, with the devices it holds."""

    subgroup: Name
    role: Name
    node: Name
    devices: Annotated[tuple[Device, ...], Field(max_length=64)] = ()


class Running(Document):
    """A workload in place. `movable` and `evictable` say what a decision may do to it; by default nothing."""

    workload: Workload
    replicas: Annotated[tuple[Replica, ...], Field(min_length=1, max_length=1_000_000)]
    start_s: EpochSeconds = 0
    expected_end_s: EpochSeconds | None = None
    last_checkpoint_s: EpochSeconds | None = None
    restart_cost_micro_usd: Annotated[int, Field(ge=0, le=10**15)] = 0
    movable: bool = False
    evictable: bool = False

    @property
    def counts(self) -> Counter[tuple[str, str]]:
        """Running replicas of each (subgroup, role)."""
        return Counter((replica.subgroup, replica.role) for replica in self.replicas)

    @property
    def lacking(self) -> dict[tuple[str, str], int]:
        """By how many replicas each (subgroup, role) could grow to what the workload wants.

        Nothing for work that runs with less than its minimum: it is broken, not shrunk.
        """
        workload = self.workload
        if len(self.replicas) == sum([role.replicas for subgroup in workload.subgroups for role in subgroup.roles]):
            return {}  # no role runs with more than it wants
        counts = self.counts
        started = {subgroup for subgroup, _ in counts}
        needed = len(workload.subgroups) if workload.min_subgroups is None else workload.min_subgroups
        found = {}
        for subgroup in workload.subgroups:
            for role in subgroup.roles:
                count = counts[subgroup.name, role.name]
                if subgroup.name in started and count < role.min_count:
                    return {}
                if count < role.replicas:
                    found[subgroup.name, role.name] = role.replicas - count
        return found if len(started) >= needed else {}

    @model_validator(mode="after")
    def _replicas_match_roles(self) -> Running:
        """Each replica names a role of the workload and holds what the role asks for.

        Fewer than `min_replicas`, or work on broken nodes, is a state to hold and repair, not malformed.
        """
        roles = {(sub.name, role.name): role for sub in self.workload.subgroups for role in sub.roles}
        counts = dict.fromkeys(roles, 0)
        for row, replica in enumerate(self.replicas):
            key = (replica.subgroup, replica.role)
            role = roles.get(key)
            if role is None:
                refuse(
                    f"replicas[{row}].role",
                    f"{self.workload.id!r} has no role {replica.role!r} in subgroup {replica.subgroup!r}",
                    "name a subgroup and a role of the workload",
                )
            counts[key] += 1
            _check_devices(role, replica, f"replicas[{row}].devices")
        for key, count in counts.items():
            if count > roles[key].replicas:
                refuse(
                    "replicas",
                    f"{count} replicas of role {key[1]!r} run, the role has {roles[key].replicas}",
                    "raise the role's replicas or remove running ones",
                )
        return self


def _check_devices(role: Role, replica: Replica, field: str) -> None:
    """Devices are distinct and add up to the role's demand (any share where the role names a MIG profile)."""
    if len({device.index for device in replica.devices}) < len(replica.devices):
        refuse(field, "a device is listed twice", "list every device index once")
    if role.mig_profile is not None:
        return
    held = sorted(device.milli for device in replica.devices)
    asked = sorted([1000] * role.gpus + ([role.gpu_milli] if role.gpu_milli else []))
    if held != asked:
        refuse(
            field,
            f"the replica holds devices of {held[:9]} milli, its role asks for {asked[:9]}",
            "list one device of 1000 milli per GPU, or one device with the role's gpu_milli",
        )
