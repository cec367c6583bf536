"""Studies behind defaults: longer than a test, run by hand, their numbers quoted in docs/."""
