"""What the deep baselines share: reading X, pairs of towers, layers, gene sets."""
