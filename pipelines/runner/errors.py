"""The error of a stage or run that failed for a reason the user cannot fix."""


class StageFailed(Exception):
    """A stage or run failed, and its input is not the reason."""
