"""`tf.contrib.slim`: contrib's layers, scopes of arguments, losses and variables in one place."""

from graphc.contrib import losses as losses
from graphc.contrib.framework import add_arg_scope as add_arg_scope
from graphc.contrib.framework import arg_scope as arg_scope
from graphc.contrib.framework import current_arg_scope as current_arg_scope
from graphc.contrib.framework import get_model_variables as get_model_variables
from graphc.contrib.framework import get_or_create_global_step as get_or_create_global_step
from graphc.contrib.framework import get_trainable_variables as get_trainable_variables
from graphc.contrib.framework import get_variables as get_variables
from graphc.contrib.framework import has_arg_scope as has_arg_scope
from graphc.contrib.framework import model_variable as model_variable
from graphc.contrib.framework import variable as variable
from graphc.contrib.layers import batch_norm as batch_norm
from graphc.contrib.layers import bias_add as bias_add
from graphc.contrib.layers import dropout as dropout
from graphc.contrib.layers import flatten as flatten
from graphc.contrib.layers import fully_connected as fully_connected
from graphc.contrib.layers import l1_regularizer as l1_regularizer
from graphc.contrib.layers import l2_regularizer as l2_regularizer
from graphc.contrib.layers import layer_norm as layer_norm
from graphc.contrib.layers import one_hot_encoding as one_hot_encoding
from graphc.contrib.layers import unit_norm as unit_norm
from graphc.contrib.layers import variance_scaling_initializer as variance_scaling_initializer
from graphc.contrib.layers import xavier_initializer as xavier_initializer
