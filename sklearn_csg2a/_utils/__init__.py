"""Helpers shared by all subpackages: files, numbers, messages, seeds (no torch)."""
