"""`tf.contrib.framework`: defaults for arguments by scope, model variables, the global step."""

from graphc.contrib.framework.arg_scope import add_arg_scope as add_arg_scope
from graphc.contrib.framework.arg_scope import arg_scope as arg_scope
from graphc.contrib.framework.arg_scope import current_arg_scope as current_arg_scope
from graphc.contrib.framework.arg_scope import has_arg_scope as has_arg_scope
from graphc.contrib.framework.model_variables import get_model_variables as get_model_variables
from graphc.contrib.framework.model_variables import (
    get_trainable_variables as get_trainable_variables,
)
from graphc.contrib.framework.model_variables import get_variables as get_variables
from graphc.contrib.framework.model_variables import model_variable as model_variable
from graphc.contrib.framework.model_variables import variable as variable
from graphc.ops.sort_ops import argsort as argsort
from graphc.ops.sort_ops import sort as sort
from graphc.train.training_util import assert_global_step as assert_global_step
from graphc.train.training_util import create_global_step as create_global_step
from graphc.train.training_util import get_global_step as get_global_step
from graphc.train.training_util import get_or_create_global_step as get_or_create_global_step
