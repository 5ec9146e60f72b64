"""Measures of a search: fronts, hypervolume, statistics. Losses everywhere: less is better."""
