"""Naive models, which only use the ids of a row, and matrix factorisation."""
