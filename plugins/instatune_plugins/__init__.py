"""First-party components, one folder for each kind; they enter by the same door as everybody's."""
