"""The local stack: a deployed environment's data plane on one machine, on loopback, run from its applied state."""
