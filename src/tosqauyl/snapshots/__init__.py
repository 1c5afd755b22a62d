"""The snapshot as a file: built in a process of its own, verified, mapped."""
