"""What one delivery is cut into, and how it is put together again."""
