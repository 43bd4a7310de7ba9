"""What a load does to a deployment, on paper: a seeded model of throttles, queue, mapping and functions.

Nothing here reads a clock, a file or a network. docs/scale.md says what is modelled by which documented rate, and what
is assumed.
"""
