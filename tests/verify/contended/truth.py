"""Every end state of a small case, from the documents alone: no atoms, no oracles, nothing of placement.rules.

For the cases that `draw` makes: one role per workload, whole GPUs, nodes without other scarce resources. GPUs of a node
are alike and each replica needs some of one node, so counts per node decide; what has as many replicas on a node as
before keeps its seats there.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations_with_replacement

from placement.model import Case, Decision, PlacedReplica, Replica, Running, Tenant, Workload
from topology.model import Health, Node

__all__ = ["TooManyError", "Truth"]

Seats = tuple[str, ...]
"""The node of each replica, in order."""
State = dict[str, Seats]
"""Workload -> where its replicas are; () = waits, or was evicted."""
_STARTS = {Health.HEALTHY: {"training", "inference"}}


class TooManyError(Exception):
    """More end states than a check may take."""


@dataclass(frozen=True)
class Truth:
    """The end states of one case that keep every requirement. With `alone`, other waiting work is left out."""

    case: Case
    alone: str | None = None
    waived: frozenset[str] = frozenset()
    """Requirements that `alone` by itself need not keep (health, models, level)."""
    floors: frozenset[str] | None = None
    """Guarantees that are kept ("a", "a on H100"); None: all."""
    most: int = 60_000

    @cached_property
    def works(self) -> dict[str, Workload]:
        """All work by its id."""
        return {w.id: w for w in (*self.case.workloads, *(r.workload for r in self.case.running))}

    @cached_property
    def now(self) -> State:
        """Where everything is."""
        waiting: State = {w.id: () for w in self.case.workloads}
        return waiting | {r.workload.id: tuple(sorted(p.node for p in r.replicas)) for r in self.case.running}

    @cached_property
    def nodes(self) -> dict[str, Node]:
        """Nodes by their id."""
        return {node.id: node for node in self.case.fleet.nodes}

    @cached_property
    def family(self) -> dict[str, set[str]]:
        """Tenant -> itself and all below it."""
        found = {tenant.name: {tenant.name} for tenant in self.case.tenants}
        parent = {tenant.name: tenant.parent for tenant in self.case.tenants}
        for name in found:
            above = parent[name]
            while above is not None:
                found[above].add(name)
                above = parent[above]
        return found

    def rules(self) -> set[str]:
        """Requirements that hold."""
        return {spec.name for spec in self.case.policy.rules if spec.mode != "prefer"}

    # -- single workloads ------------------------------------------------------------------------------------------

    def options(self, name: str) -> list[Seats]:
        """All that may become of one workload, by itself; what it is now comes first."""
        now = self.now[name]
        running = next((r for r in self.case.running if r.workload.id == name), None)
        if running is None and self.alone not in (None, name):
            return [()]
        sizes = self._sizes(name, running)
        if sizes is None:
            return [now]
        found = [now]
        least, most = sizes
        for count in range(least, most + 1):
            every = combinations_with_replacement(sorted(self.nodes), count)
            found += [seats for seats in every if seats != now and self._may_be(name, seats)]
        if now and running is not None and running.evictable:
            found.append(())
        return found

    def _sizes(self, name: str, running: Running | None) -> tuple[int, int] | None:
        [role] = [role for sub in self.works[name].subgroups for role in sub.roles]
        if running is None:
            return role.min_count, role.replicas
        count = len(self.now[name])
        young = self.case.now_s - running.start_s < self._preemption("min_runtime_s", 0)
        if young or not (running.movable or running.evictable):
            return None
        return (min(role.min_count, count) if running.evictable else count), count

    def _preemption(self, param: str, default: int) -> int:
        for spec in self.case.policy.rules:
            if spec.name == "preemption":
                value = spec.params.get(param, default)
                return value if isinstance(value, int) else default
        return default

    def _may_be(self, name: str, seats: Seats) -> bool:
        """Room on every node by itself, health, models, level; where it stands already it may stand."""
        work, held = self.works[name], Counter(self.now[name])
        [role] = [role for sub in work.subgroups for role in sub.roles]
        rules = self.rules() - (self.waived if name == self.alone else set())
        for node, count in Counter(seats).items():
            there = self.nodes[node]
            if count * role.gpus > there.gpu_count:
                return False
            barred = "gpu_model" in rules and role.gpu_models and there.gpu_model not in role.gpu_models
            if "health" in rules:
                barred = barred or work.kind.value not in _STARTS.get(there.health, set())
            if barred and count > held[node]:
                return False
        if "topology" in rules and work.proximity is not None and seats:
            level = work.proximity.level
            upto = list(self.case.fleet.level_names).index(level) + 1
            paths = {tuple(self.nodes[n].path[k] for k in self.case.fleet.level_names[:upto]) for n in seats}
            return len(paths) == 1
        return True

    # -- end states ------------------------------------------------------------------------------------------------

    def states(self, placed: str | None = None) -> Iterator[State]:
        """All end states that keep every requirement; with `placed` only those in which that workload runs."""
        names = sorted(self.now, key=lambda name: (name != placed, name))
        options = {name: self.options(name) for name in names}
        if placed is not None:
            options[placed] = [seats for seats in options[placed] if seats]
        room = {node.id: node.gpu_count for node in self.nodes.values()}
        seen = 0

        def extend(at: int, state: State) -> Iterator[State]:
            nonlocal seen
            if at == len(names):
                seen += 1
                if seen > self.most:
                    raise TooManyError(f"more than {self.most} end states")
                if not self.broken(state):
                    yield dict(state)
                return
            name = names[at]
            gpus = self._gpus(name)
            for seats in options[name]:
                if all(room[n] >= gpus * k for n, k in Counter(seats).items()):
                    for n in seats:
                        room[n] -= gpus
                    state[name] = seats
                    yield from extend(at + 1, state)
                    for n in seats:
                        room[n] += gpus

        yield from extend(0, {})

    def fits(self, name: str) -> bool:
        """Whether any end state has the workload running."""
        return next(self.states(name), None) is not None

    def _gpus(self, name: str) -> int:
        [role] = [role for sub in self.works[name].subgroups for role in sub.roles]
        return role.gpus

    def broken(self, state: State) -> str | None:
        """The first requirement that joins several workloads and that the state breaks, if any."""
        used = Counter(n for name, seats in state.items() for n in seats for _ in range(self._gpus(name)))
        if any(used[node.id] > node.gpu_count for node in self.nodes.values()):
            return "capacity"
        if not self._within_budgets(state):
            return "preemption"
        before, after = self._use(self.now), self._use(state)
        for rule, holds in (
            ("quota", self._quota),
            ("guarantee", self._guarantee),
            ("borrowing", self._borrowing),
            ("power_cap", self._power),
        ):
            if rule in self.rules() and not holds(before, after):
                return rule
        return None

    def disturbed(self, state: State) -> set[str]:
        """Running work that is not wholly where it was."""
        return {r.workload.id for r in self.case.running if state[r.workload.id] != self.now[r.workload.id]}

    def _within_budgets(self, state: State) -> bool:
        names = self.disturbed(state)
        if len(names) > self._preemption("max_disrupted", 1_000_000):
            return False
        tenants = Counter(self.works[name].tenant for name in names)
        return all(
            sum(tenants[one] for one in self.family[tenant.name]) <= tenant.disruption_budget
            for tenant in self.case.tenants
            if tenant.disruption_budget is not None
        )

    Use = Mapping[tuple[str, str], int]

    def _use(self, state: State) -> Counter[tuple[str, str]]:
        """(tenant, node) -> GPU milli."""
        found: Counter[tuple[str, str]] = Counter()
        for name, seats in state.items():
            for node in seats:
                found[self.works[name].tenant, node] += 1000 * self._gpus(name)
        return found

    def _sum(self, use: Use, tenants: set[str] | None, model: str | None) -> int:
        return sum(
            milli
            for (tenant, node), milli in use.items()
            if (tenants is None or tenant in tenants) and model in (None, self.nodes[node].gpu_model)
        )

    def _quota(self, before: Use, after: Use) -> bool:
        for tenant in self.case.tenants:
            limits = [(None, tenant.quota_gpu_milli), *tenant.quota_by_model.items()]
            for model, limit in limits:
                family = self.family[tenant.name]
                if limit is not None and self._sum(after, family, model) > max(limit, self._sum(before, family, model)):
                    return False
        return True

    def _guarantee(self, before: Use, after: Use) -> bool:
        for tenant in self.case.tenants:
            dues = [(None, tenant.guaranteed_gpu_milli), *tenant.guaranteed_by_model.items()]
            for model, due in dues:
                family = self.family[tenant.name]
                name = tenant.name if model is None else f"{tenant.name} on {model}"
                if self.floors is not None and name not in self.floors:
                    continue
                if due is not None and self._sum(after, family, model) < min(due, self._sum(before, family, model)):
                    return False
        return True

    def _borrowing(self, before: Use, after: Use) -> bool:
        """For all GPUs: no tenant claims more than guarantee + borrowing limit, none what another does not lend."""
        tenants = {tenant.name: tenant for tenant in self.case.tenants}
        if all(t.borrowing_limit_gpu_milli is None and t.lending_limit_gpu_milli is None for t in tenants.values()):
            return True
        was, now = self._claims(tenants, before), self._claims(tenants, after)
        return all(now[name] <= max(limit, was[name]) for name, limit in self._may_claim(tenants).items())

    def _due(self, tenants: Mapping[str, Tenant], name: str) -> int:
        below = sum(self._due(tenants, one.name) for one in tenants.values() if one.parent == name)
        return max(tenants[name].guaranteed_gpu_milli or 0, below)

    def _may_claim(self, tenants: Mapping[str, Tenant]) -> dict[str, int]:
        found = {}
        for name, tenant in tenants.items():
            if tenant.borrowing_limit_gpu_milli is not None:
                found[name] = self._due(tenants, name) + tenant.borrowing_limit_gpu_milli
        usable = [n for n in self.nodes.values() if n.health not in (Health.CORDONED, Health.FAILED)]
        if any(self._kept(tenants, name) for name in tenants):
            found[""] = 1000 * sum(node.gpu_count for node in usable)
        return found

    def _kept(self, tenants: Mapping[str, Tenant], name: str) -> int:
        """What it does not lend."""
        lend = tenants[name].lending_limit_gpu_milli
        return 0 if lend is None else max(0, self._due(tenants, name) - lend)

    def _claims(self, tenants: Mapping[str, Tenant], use: Use) -> dict[str, int]:
        """Tenant -> its claim; "" = the fleet."""
        found: dict[str, int] = {}

        def counted(name: str) -> int:
            found[name] = self._sum(use, {name}, None) + sum(
                counted(one.name) for one in tenants.values() if one.parent == name
            )
            return max(found[name], self._kept(tenants, name))

        total = sum(counted(one.name) for one in tenants.values() if one.parent is None)
        strange = {tenant for tenant, _ in use} - tenants.keys()
        found[""] = total + self._sum(use, strange, None)
        return found

    def _power(self, before: Use, after: Use) -> bool:
        for cap in self.case.fleet.power_caps:
            inside = [n for n in self.nodes.values() if "/".join(n.path.values()) == cap.domain]
            idle = sum(node.idle_power_w for node in inside)
            drawn = [
                idle + sum(m // 1000 * n.gpu_power_w for n in inside for (_, node), m in use.items() if node == n.id)
                for use in (before, after)
            ]
            if drawn[1] > max(cap.cap_w, drawn[0]):
                return False
        return True

    # -- values ----------------------------------------------------------------------------------------------------

    def first_tier(self, state: State) -> int:
        """Refused and evicted work by the figures of the README: size x (priority + 1) x weight / 100, half on top."""
        total = 0
        running = {r.workload.id for r in self.case.running}
        for name, work in self.works.items():
            [role] = [role for sub in work.subgroups for role in sub.roles]
            weight = (1000, 100, 10, 1)[min(work.tier, 3)]
            each = 1000 * role.gpus * (work.priority + 1) * weight // 100
            gone = (len(self.now[name]) if name in running else role.replicas) - len(state[name])
            total += gone * (each + (each // 2 if name in running else 0))
        return total

    def least(self) -> int:
        """The least value of the first tier."""
        return min(self.first_tier(state) for state in self.states())

    # -- answers ---------------------------------------------------------------------------------------------------

    def state_of(self, decision: Decision) -> State:
        """Where a decision leaves everything."""

        def at(replicas: tuple[PlacedReplica, ...] | tuple[Replica, ...]) -> Seats:
            return tuple(sorted(replica.node for replica in replicas))

        state = dict(self.now)
        state |= {one.workload: at(one.replicas) for one in decision.placements}
        state |= {one.workload: at(one.replicas) for one in decision.moves}
        state |= {one.workload: at(one.replicas) for one in decision.shrinks}
        return state | {one.workload: () for one in decision.evictions}
