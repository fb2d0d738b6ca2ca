"""Labels of items: what was said, and what holds."""
