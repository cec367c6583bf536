"""Describe a data set: its images, people, cameras, sizes and roles, and what was rejected."""
