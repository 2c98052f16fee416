"""`tf.contrib.opt`: optimizers beyond those of `tf.train`."""

from graphc.contrib.opt.lazy_adam import LazyAdamOptimizer as LazyAdamOptimizer
