"""Kernels of compounds times kernels of cells, solved without a matrix of all rows."""
