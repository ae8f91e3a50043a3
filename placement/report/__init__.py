"""Views of a cluster for people: what is in use and what is ill, domain by domain."""

from placement.report.occupancy import Occupancy, occupancy

__all__ = ["Occupancy", "occupancy"]
