"""The stages' images: what goes into them, building, what they hold, pushing."""
