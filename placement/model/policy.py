"""Which rules hold, which are preferred, in which tier and at which exchange rates."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from placement.errors import InputError
from placement.model.document import parse_document, read_bytes
from placement.model.fields import Document, Name, Params, refuse

__all__ = ["Policy", "RuleSpec", "default_policy", "read_policy"]


class RuleSpec(Document):
    """One rule in one mode.

    `require` and `hold` mask or limit. What running work breaks already may stay, and is kept from getting worse; with
    `hold` in a tier from 1, what is left of it costs `weight` times its amount there, so that it is repaired first.
    `prefer` (tier 1..9) adds `weight` times its term to that tier.
    """

    name: Name
    mode: Literal["require", "prefer", "hold"]
    tier: Annotated[int, Field(ge=0, le=9)] = 0
    weight: Annotated[int, Field(ge=0, le=1_000_000)] = 1
    params: Params = Field(default_factory=dict)

    @model_validator(mode="after")
    def _tier_fits_mode(self) -> RuleSpec:
        if self.mode == "require" and self.tier != 0:
            refuse("tier", "a required rule has no tier", "write tier 0, or mode prefer")
        if self.mode == "prefer" and self.tier == 0:
            refuse("tier", "a preferred rule needs a tier", "write tier 1 or later")
        return self


class Policy(Document):
    """A named set of rules; each (name, mode, tier) occurs once, and the order of the list means nothing."""

    name: Name = "default"
    rules: Annotated[tuple[RuleSpec, ...], Field(max_length=256)]

    @model_validator(mode="after")
    def _unique_rules(self) -> Policy:
        seen: set[tuple[str, str, int]] = set()
        for row, rule in enumerate(self.rules):
            key = (rule.name, rule.mode, rule.tier)
            if key in seen:
                refuse(
                    f"rules[{row}]",
                    f"rule {rule.name!r} is listed twice in this mode and tier",
                    "keep one entry",
                )
            seen.add(key)
        return self


_REQUIRED = (
    "affinity",
    "borrowing",
    "capacity",
    "gang",
    "gpu_model",
    "guarantee",
    "preemption",
    "quota",
    "segments",
    "selectors",
    "spread",
    "topology",
)


_REPAIRED = ("health", "power_cap")
_REPAIR = 1_000_000
"""Points of a GPU milli where it may not be, and of a watt above a cap. The most valuable waiting work has 10,010
points per GPU milli, ordinary work 101. A quota is not among them: use above it harms nobody while nobody else asks."""


def default_policy() -> Policy:
    """The policy of a case that names none: all requirements; refused work first, then fairness, then money.

    Tier 3 is in micro-USD per hour; its exchange rates stand in `params`, so a case file shows them.
    """
    prefer: tuple[tuple[str, int, dict[str, Any]], ...] = (
        # Refused work costs its tier's weight times its size: a class outweighs 10 times its size of the next.
        ("refused", 1, {"weight_by_tier": [1000, 100, 10, 1]}),
        # What a tenant is guaranteed and asks for comes before what others use beyond their guarantees.
        ("reclaim", 1, {"points_per_gpu_milli": 20_000}),
        # Ending what runs must gain half as much again as it loses.
        ("eviction", 1, {"percent": 50}),
        ("fairness", 2, {"grid_milli": 10}),
        ("price", 3, {}),
        ("energy", 3, {"tariff_micro_usd_kwh": 120_000}),
        ("carbon", 3, {"price_micro_usd_per_kg": 80_000, "carbon_g_kwh": 400}),
        (
            "latency",
            3,
            {"gpu_hour_micro_usd": 2_000_000, "steps_per_hour": 3600, "training_message_mib": 1024},
        ),
        ("state_fetch", 3, {"fetch_gbps": 25, "gpu_hour_micro_usd": 2_000_000}),
        (
            "stability",
            3,
            {"gpu_hour_micro_usd": 2_000_000, "least_remaining_s": 600, "move_micro_usd_h": 10_000},
        ),
        ("stranded", 3, {"gpu_hour_micro_usd": 500_000}),
        ("topology_preference", 3, {"domain_micro_usd_h": 1_000_000}),
        ("spread_preference", 3, {"excess_micro_usd_h": 200_000}),
        ("affinity_preference", 3, {"miss_micro_usd_h": 200_000}),
    )
    return Policy(
        name="default",
        rules=tuple(RuleSpec(name=name, mode="require") for name in _REQUIRED)
        # Repairs come first: what is left broken outweighs any work that could be placed instead.
        + tuple(RuleSpec(name=name, mode="hold", tier=1, weight=_REPAIR) for name in _REPAIRED)
        + tuple(RuleSpec(name=name, mode="prefer", tier=tier, params=params) for name, tier, params in prefer),
    )


def read_policy(path: str | Path) -> Policy:
    """Read a TOML policy: `name = "..."` and `[[rules]]` tables with the fields of RuleSpec.

    InputError names the line of a syntax error, or the field that is malformed.
    """
    data = read_bytes(path)
    try:
        table = tomllib.loads(data.decode("utf-8-sig"))
        text = json.dumps(table, allow_nan=False)
    except tomllib.TOMLDecodeError as error:
        raise InputError(str(path), f"invalid TOML: {error}", "mend the syntax there") from None
    except UnicodeDecodeError:
        raise InputError(str(path), "the file is not UTF-8 text", "save it as UTF-8") from None
    except (TypeError, ValueError, RecursionError):
        raise InputError(
            str(path),
            "a value has no JSON form (date, NaN, infinity, or nested too deep)",
            "write plain values",
        ) from None
    return parse_document(Policy, text, "policy")
