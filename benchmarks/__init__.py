"""Measured comparisons, run by hand: `invoke dev.bench`. See docs/performance.md."""
