"""Naive models, which know the ids of a row alone, and matrix factorisation."""
