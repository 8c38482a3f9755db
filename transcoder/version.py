"""The version, in one place for the package metadata and the certificates."""

__version__ = "0.1.0"
