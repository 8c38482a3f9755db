"""The audit log: who did what to which file and when, in a chain of hashes with signed checkpoints."""
