"""Several runs beside one another: which is better, what differs between them, and whether it is more than chance."""
