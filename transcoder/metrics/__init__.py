"""Measuring what an encoding kept."""
