"""Requests changed at random, sent to the real server; `python -m tests.mutate --requests 20000` sends many."""
