"""The tools that are compared: one module a family, all started as children of which time and memory are measured."""
