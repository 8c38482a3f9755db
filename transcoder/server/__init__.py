"""HTTP: the API under /v1, the pages for evidence staff, and who may do what."""
