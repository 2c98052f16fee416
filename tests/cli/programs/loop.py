"""A loop and its gradient."""

import graphc as tf

x = tf.placeholder(tf.float32, [None], name="x")
_, y = tf.while_loop(lambda i, h: i < 3, lambda i, h: (i + 1, tf.tanh(h + x)), [0, x])
(dx,) = tf.gradients(y, x)
with tf.Session() as session:
    session.run([y, dx], {x: [1.0, 2.0]})
