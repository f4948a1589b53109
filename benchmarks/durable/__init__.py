"""The parts of the benchmark `durable_runs`, by what they measure."""
