"""Defragmentation: whole domains freed by moving what runs in them, as an ordered sequence of safe steps."""

from placement.defrag.goal import Goal, asking, read_goal
from placement.defrag.planning import Blocked, Defragmentation, Step, plan

__all__ = ["Blocked", "Defragmentation", "Goal", "Step", "asking", "plan", "read_goal"]
