"""A long run of many clients against the real server process: `python -m tests.soak --clients 16 --seconds 60`."""
