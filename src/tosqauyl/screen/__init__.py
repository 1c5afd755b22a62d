"""The judgement: what a message said becomes facts, facts become a verdict. Pure; never fetches, never waits."""
