"""The search as an HTTP service: an image in, the most similar crops of the gallery out."""
