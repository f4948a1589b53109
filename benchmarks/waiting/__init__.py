"""What `benchmarks.deadline` waits for."""
