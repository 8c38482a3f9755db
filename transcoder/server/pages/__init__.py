"""Pages for evidence staff: rendered here, with small scripts that work without a build step."""
