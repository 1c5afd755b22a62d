"""A sample for an empty office: what weeks of work leave behind, invented, marked as such, made by the registry's own functions."""
