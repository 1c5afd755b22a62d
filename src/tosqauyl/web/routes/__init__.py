"""The API, a module for each of its parts, each with a `router`."""
