"""Drift between two versions of a lake: of its data, and of what a bundle recommends for it."""
