"""The Lambda authorizer: decides from a request's head alone, with the standard library alone."""
