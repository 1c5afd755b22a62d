"""What the staff sees: the console."""
