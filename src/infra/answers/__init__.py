"""What the runs in runs/ say: chosen, compared, held against a limit, reported."""
