"""Which experts the tokens are routed to, counted and drawn."""
