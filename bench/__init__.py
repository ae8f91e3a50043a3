"""The benchmark: how fast answers come and how much of them is proven. Run it with `python -m bench` in a checkout."""

__all__: list[str] = []
