"""The document of ``instatune compare``: strategies, seeds and a budget on one benchmark."""
