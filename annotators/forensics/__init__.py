"""What can be measured of a medium without a model: one idea per file, pure functions of arrays.

Each function compares a medium with itself. None needs weights, a key or a network, none reads a
file, and equal pixels give equal findings.
"""
