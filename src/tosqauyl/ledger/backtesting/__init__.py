"""The parts of a back-test: what a policy decides (judge), the queries (reads), the work in parts (parts), the result (result)."""
