"""The suites, one file each or a few of a kind."""

__all__: list[str] = []
