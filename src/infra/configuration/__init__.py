"""From the command line to a configuration: Hydra, its schema, and its errors as sentences."""
