"""Side-by-side measurements; `python -m benchmarks` lists them."""

import os

# Several OpenMP runtimes live in one process here; where each spins after its work, they take the cores from each other.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
