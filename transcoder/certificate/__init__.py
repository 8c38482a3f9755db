"""The signed statement about a delivery: built, signed and verified here."""
