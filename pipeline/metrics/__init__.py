"""The metrics of the founding datasets as their authors published them, each beside one without its quirks."""
