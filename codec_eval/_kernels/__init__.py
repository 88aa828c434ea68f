"""Compiled twins of the bench's array code, and nothing else. Imported only when they are asked for."""
