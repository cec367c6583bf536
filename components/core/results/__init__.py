"""Rows of results, what their methods are called, and what they say together."""
