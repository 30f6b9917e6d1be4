"""Loaded by pytest where the distribution is installed."""
