"""Calls with known truth, made up: who calls whom and when is drawn, every fact and decision is the gate's own code's."""
