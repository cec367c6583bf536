"""Compare several runs: which is better, whether it is more than chance, and which settings differ."""
