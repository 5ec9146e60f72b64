"""From YAML to a plan: strict reading, structuring, resolving. Imports nothing heavy."""
