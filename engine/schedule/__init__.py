"""Workflows that start by the clock: when, how many at once, and when to stop trying."""
