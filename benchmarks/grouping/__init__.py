"""The parts of `benchmarks.normalize`: what is grouped, by whom, and how well, fast and steadily."""
