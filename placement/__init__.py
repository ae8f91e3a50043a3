"""Moorage's placement package: what we want (workloads, policy, tenants), joined to topology and solver.

Import from the modules (`placement.model`, `placement.engine`); the package itself imports nothing, so that
a command that does not solve starts quickly.
"""
