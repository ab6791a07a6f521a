"""Benchmarks: each prints ratios of what was measured in one and the same run."""
