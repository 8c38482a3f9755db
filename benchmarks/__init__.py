"""Benchmarks and studies: how fast, how faithful, and against whom."""
