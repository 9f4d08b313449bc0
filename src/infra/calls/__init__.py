"""Tool calls: which parser reads them, what they are held to, what answers them, their score."""
