"""Loaders of the public screens, from a folder of files."""
