"""Run the command line with `python -m simpgan.pipelines.cli`."""

from simpgan.pipelines.cli import main

main()
