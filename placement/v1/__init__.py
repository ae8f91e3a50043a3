"""Stubs generated from proto/placement/v1 by `make proto`; never edited by hand."""
