"""What the machine was like: cooled down, its page cache, what else it did meanwhile."""
