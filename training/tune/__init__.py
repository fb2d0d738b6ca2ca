"""``recsys tune``: search for the settings of a spec's recipes that do best on validation."""
