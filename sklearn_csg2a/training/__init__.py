"""Training and prediction of networks: batches, loop, checkpoints, devices."""
