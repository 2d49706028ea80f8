"""Texts of the result pages."""
