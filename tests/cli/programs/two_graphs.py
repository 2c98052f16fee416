"""Two graphs, neither of them the default one; a session that fails."""

import graphc as tf

for name in ("first", "second"):
    graph = tf.Graph()
    with graph.as_default():
        x = tf.placeholder(tf.float32, [2], name="x")
        y = tf.exp(x, name=name)
        with tf.Session("numpy") as sess:
            if name == "first":
                sess.run(y, {x: [0.0, 1.0]})
            else:
                sess.run(y)
