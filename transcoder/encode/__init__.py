"""The rungs: every way to turn a source into a file, and the ladder that orders them."""
