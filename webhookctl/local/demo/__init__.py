"""The demonstration: real input through the whole pipeline on this machine, and an audit of where everything ended."""
