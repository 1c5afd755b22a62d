"""Rules as data: one text runs as Python in the gate, as SQL over the journal, and reads as prose."""
