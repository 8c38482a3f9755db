"""Certificates in the words of other systems: CASE/UCO for investigations, PREMIS for archives."""
