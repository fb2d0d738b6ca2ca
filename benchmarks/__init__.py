"""Side-by-side measurements; `python -m benchmarks` lists them."""

import os

# Several OpenMP runtimes live in one process here; where each spins after its work, they slow each other down.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
