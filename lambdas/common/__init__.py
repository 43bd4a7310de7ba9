"""What the authorizer and the processor must agree on. Standard library only: it is in both zips.

And of that without `dataclasses`, which loads what looks into code: a sixth of the authorizer's start.
"""
