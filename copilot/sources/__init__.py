"""Where failures come from: one file a system, each giving `RunRecord`s."""
