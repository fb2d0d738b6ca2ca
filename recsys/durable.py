"""What has to survive a power cut."""

import os
from pathlib import Path


def flush(path: Path) -> None:
    """Put a file's bytes, or a folder's names, onto the disk.

    Else a power cut after a rename may leave a whole name with half the bytes, or no name.
    """
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
