"""The fidelity report for people."""
