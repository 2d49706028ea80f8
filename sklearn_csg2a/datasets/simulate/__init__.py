"""A simulated screen with known ground truth."""
