"""Artifacts planted with a seed, so that what is wrong, and where, is known exactly."""
