"""The one exception for what a user can put right."""


class UserError(Exception):
    """Says in one line what was wrong, where, and what to do. The command line prints it and exits with 2."""
