"""borrowing: what a tenant uses beyond its guarantee it borrows, within its limit, of what others lend."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from placement.model.case import Case
from placement.model.decision import Hold
from placement.model.policy import RuleSpec
from placement.model.tenant import Tenant
from placement.rules.context import Context
from placement.rules.disturbance import mobile
from placement.rules.rule import HardRule, NoParams, Placements
from placement.rules.survey import running_seats, settled
from placement.rules.tenancy import gpu_milli_wanted, on_model
from placement.units import MILLI
from solver.atoms import Pool, PoolNode
from solver.items import PartKey
from solver.problem import Atom
from topology.fabric import Fabric
from topology.model import Health

__all__ = ["Borrowing"]

_FLEET = "the fleet"


class Borrowing(HardRule[NoParams]):
    """What is guaranteed to one tenant and lies idle may be used by others, as far as both sides' limits say.

    Stated for all GPUs together and for each GPU model on its own, in GPU milli. Let own(n) be what the work of tenant
    n itself holds, G(n) its guarantee, or the sum of G of the tenants right below it if that is more, and

        claim(n)    = own(n) + sum of counted(m) over the tenants m right below n
        counted(m)  = max(claim(m), G(m) - lending limit of m)            (without a lending limit: claim(m))

    Then claim(n) <= G(n) + borrowing limit of n wherever n has one; and the sum of counted(m) over the tenants at the
    top, with the use of tenants that are not listed, stays within the healthy GPUs of nodes that are neither cordoned
    nor failed. So what a tenant does not lend stays free for it, all else goes to who asks first; `guarantee` and
    `reclaim` bring it back. Usage above a limit may stay, and is never made worse (hold).

    The same as the cohorts of Kueue (kubernetes-sigs/kueue, proposals 79 and 1224: usage beyond what is not lent
    counts in the parent, subtree quota + borrowing limit bounds it; the root borrows nothing), but that a tenant's
    guarantee covers those below it, where a cohort's quota adds to theirs, and that the root is the fleet itself.
    """

    name = "borrowing"
    params_type = NoParams

    def lower(self, context: Context, spec: RuleSpec) -> list[Atom]:
        """One pool for all GPUs, and one per model, where somebody limits borrowing or lending and it could matter."""
        use = gpu_milli_wanted(context)
        atoms: list[Atom] = []
        for model, terms in _limited(context.case):
            if model is not None and model not in context.fabric.gpu_models:
                continue
            bins = on_model(context, model)
            nodes = self._nodes(context, use, model, terms)
            pool = Pool(self.name, nodes, bins)
            most = pool.nested([node.base + _most(context, node.use) for node in nodes])
            if any(node.limit is not None and most[k] > node.limit for k, node in enumerate(nodes)):
                atoms.append(pool)
        return atoms

    def _nodes(
        self, context: Context, use: Mapping[str, Mapping[PartKey, int]], model: str | None, terms: Mapping[str, _Terms]
    ) -> tuple[PoolNode, ...]:
        """The fleet, then the tenants, each after the one above it."""
        fabric, on = context.fabric, "" if model is None else f" on {model}"
        strangers = {key: milli for name in sorted(use.keys() - terms.keys()) for key, milli in use[name].items()}
        others = frozenset(context.usage.tenants[0]) - terms.keys()
        spare = _usable(fabric, model) if any(one.kept for one in terms.values()) else None
        nodes = [PoolNode(_FLEET + on, -1, strangers, context.gpu_milli_in_use(others, model), 0, spare)]
        index = {name: k for k, name in enumerate(terms, start=1)}
        for name, one in terms.items():
            base = context.gpu_milli_in_use((name,), model)
            above = 0 if one.parent is None else index[one.parent]
            nodes.append(PoolNode(name + on, above, dict(use.get(name, {})), base, one.kept, one.limit))
        return tuple(nodes)

    def holds(self, context: Context, spec: RuleSpec) -> list[Hold]:
        """Tenants, and the fleet, where running work is above what may be borrowed."""
        case = context.case.model_copy(update={"workloads": ()})
        return [
            Hold(
                rule=self.name,
                subject=subject if subject == _FLEET else f"tenant {subject}",
                detail=f"{claim} GPU milli{_on(model)} are claimed, {limit} may be",
            )
            for (subject, model), (claim, limit) in _claims(case, context.fabric, ()).items()
            if claim > limit
        ]

    def audit(self, case: Case, fabric: Fabric, placements: Placements) -> list[str]:
        """Limits that are exceeded by more than they were before."""
        whole = case.model_copy(update={"workloads": (), "running": (*case.running, *mobile(case))})
        before = _claims(whole, fabric, ())
        found = []
        for (subject, model), (claim, limit) in _claims(case, fabric, placements).items():
            if claim > max(limit, before[subject, model][0]):
                who = subject if subject == _FLEET else f"tenant {subject}"
                found.append(f"{who} claims {claim} GPU milli{_on(model)}, {limit} may be claimed")
        return found


@dataclass(frozen=True)
class _Terms:
    """What a tenant keeps from others, and the most that it may claim (None: no limit)."""

    parent: str | None
    kept: int
    limit: int | None


def _on(model: str | None) -> str:
    return "" if model is None else f" of {model}"


def _figures(tenant: Tenant, model: str | None) -> tuple[int, int | None, int | None]:
    """(guarantee, borrowing limit, lending limit) for a model or for all."""
    if model is None:
        return tenant.guaranteed_gpu_milli or 0, tenant.borrowing_limit_gpu_milli, tenant.lending_limit_gpu_milli
    return (
        tenant.guaranteed_by_model.get(model, 0),
        tenant.borrowing_limit_by_model.get(model),
        tenant.lending_limit_by_model.get(model),
    )


def _asked(case: Case) -> list[str | None]:
    """None (all GPUs) and the models for which somebody limits borrowing or lending."""
    models = {m for t in case.tenants for m in (*t.borrowing_limit_by_model, *t.lending_limit_by_model)}
    every = any(_figures(tenant, None)[1:] != (None, None) for tenant in case.tenants)
    return [*([None] if every else []), *sorted(models)]


def _limited(case: Case) -> Iterator[tuple[str | None, dict[str, _Terms]]]:
    """(GPU model or None for all, listed tenant -> its terms, each after the one above it)."""
    listed = {tenant.name: tenant for tenant in case.tenants}
    below: dict[str | None, list[str]] = {}
    for name in sorted(listed):
        below.setdefault(listed[name].parent, []).append(name)
    ordered = list(below.get(None, ()))
    for name in ordered:
        ordered += below.get(name, ())
    for model in _asked(case):
        due: dict[str, int] = {}
        for name in reversed(ordered):
            due[name] = max(_figures(listed[name], model)[0], sum(due[child] for child in below.get(name, ())))
        terms = {}
        for name in ordered:
            _, borrow, lend = _figures(listed[name], model)
            kept = 0 if lend is None else max(0, due[name] - lend)
            terms[name] = _Terms(listed[name].parent, kept, None if borrow is None else due[name] + borrow)
        yield model, terms


def _most(context: Context, use: Mapping[PartKey, int]) -> int:
    return sum(milli * context.part(key).role.replicas for key, milli in use.items())


def _usable(fabric: Fabric, model: str | None) -> int:
    """GPU milli on which work may start."""
    return sum(
        MILLI * (node.gpu_count - len(node.unhealthy_gpus))
        for node in fabric.nodes
        if node.health not in {Health.CORDONED, Health.FAILED} and model in (None, node.gpu_model)
    )


def _claims(case: Case, fabric: Fabric, placements: Placements) -> dict[tuple[str, str | None], tuple[int, int]]:
    """The oracle, in Kueue's own words: (tenant or fleet, model) -> (what it claims, what it may), where limited.

    `quota` is the subtree quota (what is lent to the parent and what is not), `local` the part of it that the parent
    never sees, `usage` what counts against the quota; usage beyond `local` counts in the parent as well. To both sides
    of a limit what is local below is added, so that they read as above.
    """
    held: dict[tuple[str, str | None], int] = {}
    for one in (*running_seats(case, fabric), *settled(case, fabric, placements)):
        for seat in one.seats:
            for model in (None, fabric.nodes[seat.node].gpu_model):
                key = one.workload.tenant, model
                held[key] = held.get(key, 0) + seat.role.replica_gpu_milli
    found: dict[tuple[str, str | None], tuple[int, int]] = {}
    children: dict[str | None, list[Tenant]] = {}
    for tenant in case.tenants:
        children.setdefault(tenant.parent, []).append(tenant)
    order = list(children.get(None, ()))
    for tenant in order:
        order += children.get(tenant.name, ())
    for model in _asked(case):
        known: dict[str, tuple[int, int, int, int]] = {}
        """Tenant -> (quota, local, usage, local of all below it)."""
        for tenant in reversed(order):
            parts = [known[child.name] for child in children.get(tenant.name, ())]
            own, borrow, lend = _figures(tenant, model)
            hidden = sum(local + deeper for _, local, _, deeper in parts)
            quota = max(own - hidden, sum(below - local for below, local, _, _ in parts))
            usage = held.get((tenant.name, model), 0) + sum(max(0, used - local) for _, local, used, _ in parts)
            if borrow is not None:
                found[tenant.name, model] = (usage + hidden, quota + borrow + hidden)
            known[tenant.name] = (quota, 0 if lend is None else max(0, quota - lend), usage, hidden)
        tops = [known[tenant.name] for tenant in children.get(None, ())]
        unseen = sum(local + hidden for _, local, _, hidden in tops)
        if unseen:
            there = sum(
                MILLI * (node.gpu_count - len(node.unhealthy_gpus))
                for node in fabric.nodes
                if node.health.value not in ("cordoned", "failed") and (model is None or node.gpu_model == model)
            )
            strange = sum(milli for (name, kind), milli in held.items() if kind == model and name not in known)
            found[_FLEET, model] = (unseen + strange + sum(max(0, used - local) for _, local, used, _ in tops), there)
    return found
