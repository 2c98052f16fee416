"""A graph whose names come from the command line, beside a module of its own folder."""

import sys

from neighbour import SCALE

import graphc as tf

assert __name__ == "__main__"
for number, name in enumerate(sys.argv[1:]):
    tf.constant(SCALE * number, name=name.strip("-"))
sys.exit(0)
