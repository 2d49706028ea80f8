"""Ids of cell lines and genes from one source to another."""
