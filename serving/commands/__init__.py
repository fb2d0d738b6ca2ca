"""The command groups of serving; each imports what it works with when it runs, so that ``recsys --help`` is fast."""
