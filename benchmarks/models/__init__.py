"""The models that are compared, by name."""
