"""Training of networks and prediction: batches, loop, checkpoints, devices."""
