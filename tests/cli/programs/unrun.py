"""Builds a graph and never runs it; one placeholder has no known rank."""

import graphc as tf

x = tf.placeholder(tf.float32, [None, 8], name="x")
free = tf.placeholder(tf.float32, name="free")
y = tf.nn.softmax(tf.tanh(x, name="hidden"), name="y")
z = tf.reduce_sum(free * 2.0, name="z")
