"""One file a step, each saying what it follows."""
