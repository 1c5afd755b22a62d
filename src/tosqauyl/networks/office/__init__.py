"""The office that publishes numbers, as a gate hears it: over HTTP, or from a folder where a gate may not reach it."""
