"""Build, inspect and push the container images of the stages."""
