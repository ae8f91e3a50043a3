"""A diagnosis in sentences."""

from __future__ import annotations

from placement.model.diagnosis import Diagnosis, Lack, Scope

__all__ = ["sentences"]

_SCOPES = {
    Scope.EMPTY_FLEET: "does not fit, even alone on the empty fleet",
    Scope.PROTECTED: "does not fit beside the running work that may not be evicted, left where it is, "
    "even with all the rest gone",
    Scope.PERMITTED: "does not fit, whatever is moved and evicted within budgets, guarantees and quotas",
    Scope.KEPT: "does not fit beside all that is placed and kept running, wherever that is moved",
    Scope.AS_IT_RUNS: "does not fit beside the running work as it is; some that may be disturbed would have to be",
}


def sentences(found: Diagnosis) -> list[str]:
    """One statement a line."""
    name = found.workload
    if found.lacks:
        return [_lack(name, lack) for lack in found.lacks]
    if found.placed:
        return [f"{name} is placed."]
    lines = []
    if found.scope is not None:
        lines.append(f"{name} {_SCOPES[found.scope]} (proven by {found.proof}).")
        if found.conflict:
            each = "each is necessary" if found.minimal else "not proven minimal"
            lines.append(f"These cannot all stand ({each}):")
            lines += [f"  - {one.kind} {one.name}{': ' if one.detail else ''}{one.detail}" for one in found.conflict]
        else:
            ground = "what runs there for good" if found.background else "the fleet"
            lines.append(f"No rule and no other running work is to blame: {ground} leaves too little for it.")
        if found.background:
            more = f" and {len(found.background) - 5} more" if len(found.background) > 5 else ""
            lines.append(f"Taken as given: {', '.join(found.background[:5])}{more}.")
    elif found.price is None:
        lines.append(f"{name}: neither a place nor a proof that there is none was found in the time given.")
    if found.price is not None:
        costs = ", ".join(f"tier {tier}: {points:+,} points" for tier, points in found.price.tiers if points)
        hedge = "" if found.price.proven else " at most"
        lines.append(f"The best plan leaves {name} out. Putting it in costs{hedge} {costs or 'nothing'}.")
        if found.price.losers:
            lines.append(f"These would lose their place: {', '.join(found.price.losers[:10])}.")
    if found.repairs:
        way = ", what runs giving way as far as is permitted" if found.gives_way else ""
        lines.append(f"It would fit{way} (each was tried alone and checked):")
        for repair in found.repairs:
            how = f"  [moorage whatif --set {repair.setting}]" if repair.setting else ""
            hedge = "" if repair.least else " (less may do)"
            lines.append(f"  - {repair.change}{hedge}{how}")
    elif found.price is None:
        lines.append("No single change that was tried lets it in.")
    return lines


def _lack(name: str, lack: Lack) -> str:
    more = f", and gets {lack.after - lack.runs} more" if lack.after > lack.runs else ""
    fewer = f", and keeps {lack.after}" if lack.after < lack.runs else ""
    runs = f"{name} runs with {lack.runs} of the {lack.wanted} replicas of role {lack.role} that it wants{more}{fewer}"
    return f"{runs}: {lack.reason}."
