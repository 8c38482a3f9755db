"""Watch a folder: what arrives is delivered, for pipelines that only know folders. Needs no service."""
