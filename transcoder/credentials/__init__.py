"""Content Credentials (C2PA): a small signed manifest in every file of a delivery, which any reader of them shows.

``manifest`` says what stands in it, ``embedding`` writes it with c2pa's library, ``notary`` is the parent's side of the
signature, ``reading`` checks what a file carries, ``store`` takes apart as much of the form as that needs, ``others``
knows signatures of other kinds. c2pa's library is loaded in child processes only: it parses what strangers made.
"""
