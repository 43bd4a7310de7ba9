"""What the authorizer and the processor must agree on. Standard library only: it is in both zips."""
