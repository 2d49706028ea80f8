"""Models of the change of expression."""
