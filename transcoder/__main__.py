"""``python -m transcoder``."""

from transcoder.cli import main

main()
