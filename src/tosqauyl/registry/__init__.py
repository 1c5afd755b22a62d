"""What people reported, what was decided of it, and what the gates are told: the registry of the office."""
