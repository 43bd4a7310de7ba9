"""The AWS API of the local stack: for an apply as a server of its own, for the data plane in this process."""
