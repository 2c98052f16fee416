"""`tf.contrib.layers`: layers, normalisation, initializers, regularizers as contrib spells them."""

from graphc.contrib.layers.convolution import avg_pool2d as avg_pool2d
from graphc.contrib.layers.convolution import conv2d as conv2d
from graphc.contrib.layers.convolution import conv2d_transpose as conv2d_transpose
from graphc.contrib.layers.convolution import convolution2d as convolution2d
from graphc.contrib.layers.convolution import convolution2d_transpose as convolution2d_transpose
from graphc.contrib.layers.convolution import max_pool2d as max_pool2d
from graphc.contrib.layers.dense import bias_add as bias_add
from graphc.contrib.layers.dense import dropout as dropout
from graphc.contrib.layers.dense import flatten as flatten
from graphc.contrib.layers.dense import fully_connected as fully_connected
from graphc.contrib.layers.dense import linear as linear
from graphc.contrib.layers.dense import one_hot_encoding as one_hot_encoding
from graphc.contrib.layers.dense import relu as relu
from graphc.contrib.layers.dense import relu6 as relu6
from graphc.contrib.layers.initializers import (
    variance_scaling_initializer as variance_scaling_initializer,
)
from graphc.contrib.layers.initializers import xavier_initializer as xavier_initializer
from graphc.contrib.layers.initializers import (
    xavier_initializer_conv2d as xavier_initializer_conv2d,
)
from graphc.contrib.layers.normalization import batch_norm as batch_norm
from graphc.contrib.layers.normalization import layer_norm as layer_norm
from graphc.contrib.layers.normalization import unit_norm as unit_norm
from graphc.contrib.layers.optimizers import OPTIMIZER_CLS_NAMES as OPTIMIZER_CLS_NAMES
from graphc.contrib.layers.optimizers import optimize_loss as optimize_loss
from graphc.contrib.layers.regularizers import apply_regularization as apply_regularization
from graphc.contrib.layers.regularizers import l1_l2_regularizer as l1_l2_regularizer
from graphc.contrib.layers.regularizers import l1_regularizer as l1_regularizer
from graphc.contrib.layers.regularizers import l2_regularizer as l2_regularizer
from graphc.contrib.layers.regularizers import sum_regularizer as sum_regularizer
