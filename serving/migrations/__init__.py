"""The control store's schema, step by step; the store migrates itself when it is opened."""
