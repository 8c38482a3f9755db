"""Untrusted media are decoded and encoded in a child process that can do little else.

``parent.run`` starts it, ``confine`` is what it does to itself before it touches media, ``wire`` is what may come
back: JSON that is read by the types the parent expects, so that nothing a child says can name code.
"""
