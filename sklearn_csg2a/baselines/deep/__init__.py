"""Shared parts of the deep baselines: reading X, towers, layers, gene sets."""
