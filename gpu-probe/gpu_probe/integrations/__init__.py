"""Ways to put the probe into serving frameworks; each imports its framework when it is used, not before."""
