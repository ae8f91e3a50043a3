"""What if: a case changed on purpose, and two decisions held against each other."""

from placement.whatif.change import Change, apply, displace
from placement.whatif.compare import Comparison, Fate, TenantShare, TermPair, TierPair, compare
from placement.whatif.text import parse_add, parse_derate, parse_relabel, parse_setting, read_change

__all__ = [
    "Change",
    "Comparison",
    "Fate",
    "TenantShare",
    "TermPair",
    "TierPair",
    "apply",
    "compare",
    "displace",
    "parse_add",
    "parse_derate",
    "parse_relabel",
    "parse_setting",
    "read_change",
]
