"""Many runs as one question: planned before they start, ordered, skipped where done, counted."""
