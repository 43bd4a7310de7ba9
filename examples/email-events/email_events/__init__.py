"""The handler of the lane `email`: what an email provider reports, counted once per event in PostgreSQL."""
