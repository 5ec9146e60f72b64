"""Results of other tools as tables and spaces of ours. Imports no torch."""
