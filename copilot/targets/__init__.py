"""Where approved fixes go: one file a system."""
