"""Random tiny problems against brute force: `python -m tests.verify --cases N`."""
