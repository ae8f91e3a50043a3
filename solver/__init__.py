"""How to choose: items, bins and partitions of bins as plain integers. Knows no fleet and no tenant."""
