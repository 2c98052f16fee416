"""`import graphc.compat.v1 as tf`: the namespace of `graphc` itself, which is TensorFlow 1's."""

import sys

import graphc

sys.modules[__name__] = graphc
