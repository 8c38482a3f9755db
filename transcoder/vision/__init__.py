"""Pretrained models, each behind one small class: weights come from installed packages, never from a network."""
