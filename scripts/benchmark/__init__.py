"""The side-by-side benchmark behind scripts/bench; docs/benchmarks.md describes the method."""
