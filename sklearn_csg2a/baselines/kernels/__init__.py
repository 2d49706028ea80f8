"""Models with a product of kernels, solved without the matrix of all rows."""
