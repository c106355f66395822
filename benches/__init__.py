"""What the engine claims to be fast at, measured beside what one would use otherwise, in one run."""
