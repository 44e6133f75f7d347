"""What each command parses, calls and prints, by what it is about."""
