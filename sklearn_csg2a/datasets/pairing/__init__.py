"""Pairing of treated profiles with the controls of their batch."""
