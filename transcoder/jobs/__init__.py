"""Durable jobs: what was asked, who works on it, what came of it; on one machine or many."""
