"""The tests: a package, since a library that they use installs one of the same name."""
