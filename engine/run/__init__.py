"""Carrying out a run: plain asyncio over the stored steps; nothing here has to be deterministic."""
