"""Mapping of cell line and gene ids between sources."""
