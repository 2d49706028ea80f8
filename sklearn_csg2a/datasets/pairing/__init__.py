"""Treated profiles and the controls of their batch."""
