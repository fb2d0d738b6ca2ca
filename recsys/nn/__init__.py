"""What neural models share: packed histories, losses, sampled negatives, the optimiser and the fit loop.

Importing any module of this floor but this one imports torch.
"""
