"""Decisions on record before they are answered: append-only segments of tab-separated rows. Standard library only."""
