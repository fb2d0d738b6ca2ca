"""What serving remembers: control (what people decide), state (what users did), jobs (what is still to be done).

Embedded these are three SQLite files, never one: an accepted event must not wake a control cache.
"""
