"""What is known at this moment, from memory: subscribers, listed numbers, who can be asked. No I/O, no clock."""
