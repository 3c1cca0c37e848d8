"""Measures, never asserts: figures as ratios, side by side with a baseline of the same run. ``make bench``."""
