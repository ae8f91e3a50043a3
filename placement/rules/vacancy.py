"""vacancy: whole domains that hold no work, so that what needs one whole can start."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from placement.errors import InputError
from placement.model.case import Case
from placement.model.fields import Document, Name, Natural
from placement.model.policy import RuleSpec
from placement.rules.amounts import check_amount
from placement.rules.context import Context
from placement.rules.rule import ObjectiveRule, Placements
from placement.units import MICRO
from solver.atoms import Vacant
from solver.problem import Atom
from topology.fabric import Fabric
from topology.model import Health

__all__ = ["Vacancy", "VacancyParams", "asked_domains"]


class VacancyParams(Document):
    """Which domains, how many of them, and what a free one is worth."""

    level: Name = "rack"
    domains: Annotated[tuple[Name, ...], Field(max_length=65_536)] = ()
    """Names of domains of the level, as paths from the top; none = all that have a healthy node."""
    wanted: Annotated[int, Field(ge=0, le=65_536)] = 0
    """Free domains beyond so many are worth nothing; 0 = every one counts."""
    value_micro_usd_h: Natural = 1_000_000


class Vacancy(ObjectiveRule[VacancyParams]):
    """Micro-USD per hour = value of a free domain x max(0, wanted - domains of the level without any replica).

    A domain with running work that stays whatever is decided can never be free: it is left out, and no more domains
    are wanted than are left.
    """

    name = "vacancy"
    params_type = VacancyParams
    unit = "USD/h"
    scale = MICRO

    def lower(self, context: Context, spec: RuleSpec) -> list[Atom]:
        """One atom over the nodes of all domains that could be free."""
        params = self.params(spec)
        price = spec.weight * params.value_micro_usd_h
        check_amount(price)
        labels = context.labels(params.level)
        asked = np.isin(labels, asked_domains(context.fabric, params.level, params.domains))
        rows = [context.fabric.index[r.node] for one in context.case.running for r in one.replicas]
        asked &= ~np.isin(labels, labels[rows])
        groups = np.unique(labels[asked]).size
        if not groups or not price:
            return []
        wanted = min(params.wanted or groups, groups)
        return [Vacant(self.name, context.tier(spec.tier), np.where(asked, labels, -1), wanted, price)]

    def points(self, case: Case, fabric: Fabric, placements: Placements, spec: RuleSpec) -> int:
        """Domain by domain."""
        params = self.params(spec)
        labels = fabric.partition(params.level).domain_of
        domain_of = {node.id: int(label) for node, label in zip(fabric.nodes, labels, strict=True)}
        held = {domain_of[replica.node] for one in case.running for replica in one.replicas}
        used = {domain_of[replica.node] for one in placements for replica in one.replicas}
        able = [domain for domain in asked_domains(fabric, params.level, params.domains) if domain not in held]
        free = [domain for domain in able if domain not in used]
        wanted = min(params.wanted or len(able), len(able))
        return spec.weight * params.value_micro_usd_h * max(0, wanted - len(free))


def asked_domains(fabric: Fabric, level: str, domains: tuple[str, ...]) -> list[int]:
    """Numbers of these domains of a level, or of all that have a healthy node if none is named.

    InputError for a domain that the level does not have.
    """
    partition = fabric.partition(level)
    if not domains:
        well = np.array([health is Health.HEALTHY for health in fabric.health], np.bool_)
        return sorted({int(label) for label in partition.domain_of[well]} - {-1})
    number = {name: index for index, name in enumerate(partition.domain_names)}
    for name in domains:
        if name not in number:
            raise InputError(
                "policy.rules.vacancy.domains",
                f"level {level!r} has no domain {name!r}",
                "write the path of a domain, as `moorage topology show` prints it",
            )
    return sorted({number[name] for name in domains})
