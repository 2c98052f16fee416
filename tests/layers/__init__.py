"""`tf.layers`, `tf.losses`, `tf.metrics` and `tf.contrib.layers`."""
