"""What the copilot remembers, in tables of its own beside the engine's."""
