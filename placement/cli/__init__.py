"""The command line: one file per verb, each a thin border around the packages below."""
