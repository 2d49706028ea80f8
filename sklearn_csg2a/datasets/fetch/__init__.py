"""Downloads of public screens."""
