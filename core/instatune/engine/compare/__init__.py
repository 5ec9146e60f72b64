"""Comparisons: strategies times seeds on one benchmark. Imports no torch by itself."""
