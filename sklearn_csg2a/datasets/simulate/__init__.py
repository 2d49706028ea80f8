"""A simulated screen with known truth."""
