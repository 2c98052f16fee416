"""Branches and loops: semantics, gradients, errors, speed-relevant facts."""
