"""Fair shares over time: the Philly job list replayed on a fleet that is too small for it, by several methods."""
