"""`tf.contrib.layers`: regularizers, initializers, and layers in contrib's spelling."""

from graphc.contrib.layers.regularizers import apply_regularization as apply_regularization
from graphc.contrib.layers.regularizers import l1_l2_regularizer as l1_l2_regularizer
from graphc.contrib.layers.regularizers import l1_regularizer as l1_regularizer
from graphc.contrib.layers.regularizers import l2_regularizer as l2_regularizer
from graphc.contrib.layers.regularizers import sum_regularizer as sum_regularizer
