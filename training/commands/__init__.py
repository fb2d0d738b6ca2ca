"""The commands of ``recsys`` that belong to training, one file each group."""
