"""The engine: stages, training, evaluation, store. Composes what the plan names."""
