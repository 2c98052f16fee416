"""Fails after having built something."""

import graphc as tf

x = tf.constant([1.0, 2.0], name="x")
y = tf.tanh(x, name="y")
raise RuntimeError("out of tea")
