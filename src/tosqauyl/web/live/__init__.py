"""What gates tell of themselves: their metrics, read every two seconds, and what follows from them. Nothing is kept on disk, and
nothing grows with time."""
