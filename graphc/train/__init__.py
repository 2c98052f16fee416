"""`tf.train`: optimizers, learning rates, moving averages, the global step, checkpoints."""

from graphc.train.adadelta import AdadeltaOptimizer as AdadeltaOptimizer
from graphc.train.adagrad import AdagradOptimizer as AdagradOptimizer
from graphc.train.adam import AdamOptimizer as AdamOptimizer
from graphc.train.checkpoint_management import CheckpointState as CheckpointState
from graphc.train.checkpoint_management import checkpoint_exists as checkpoint_exists
from graphc.train.checkpoint_management import (
    generate_checkpoint_state_proto as generate_checkpoint_state_proto,
)
from graphc.train.checkpoint_management import get_checkpoint_mtimes as get_checkpoint_mtimes
from graphc.train.checkpoint_management import get_checkpoint_state as get_checkpoint_state
from graphc.train.checkpoint_management import latest_checkpoint as latest_checkpoint
from graphc.train.checkpoint_management import remove_checkpoint as remove_checkpoint
from graphc.train.checkpoint_management import update_checkpoint_state as update_checkpoint_state
from graphc.train.checkpoint_utils import NewCheckpointReader as NewCheckpointReader
from graphc.train.checkpoint_utils import list_variables as list_variables
from graphc.train.checkpoint_utils import load_checkpoint as load_checkpoint
from graphc.train.checkpoint_utils import load_variable as load_variable
from graphc.train.ftrl import FtrlOptimizer as FtrlOptimizer
from graphc.train.gradient_descent import GradientDescentOptimizer as GradientDescentOptimizer
from graphc.train.learning_rate_decay import cosine_decay as cosine_decay
from graphc.train.learning_rate_decay import cosine_decay_restarts as cosine_decay_restarts
from graphc.train.learning_rate_decay import exponential_decay as exponential_decay
from graphc.train.learning_rate_decay import inverse_time_decay as inverse_time_decay
from graphc.train.learning_rate_decay import linear_cosine_decay as linear_cosine_decay
from graphc.train.learning_rate_decay import natural_exp_decay as natural_exp_decay
from graphc.train.learning_rate_decay import (
    noisy_linear_cosine_decay as noisy_linear_cosine_decay,
)
from graphc.train.learning_rate_decay import piecewise_constant as piecewise_constant
from graphc.train.learning_rate_decay import piecewise_constant_decay as piecewise_constant_decay
from graphc.train.learning_rate_decay import polynomial_decay as polynomial_decay
from graphc.train.momentum import MomentumOptimizer as MomentumOptimizer
from graphc.train.moving_averages import ExponentialMovingAverage as ExponentialMovingAverage
from graphc.train.optimizer import Optimizer as Optimizer
from graphc.train.proximal import ProximalAdagradOptimizer as ProximalAdagradOptimizer
from graphc.train.proximal import (
    ProximalGradientDescentOptimizer as ProximalGradientDescentOptimizer,
)
from graphc.train.rmsprop import RMSPropOptimizer as RMSPropOptimizer
from graphc.train.saver import Saver as Saver
from graphc.train.saver import export_meta_graph as export_meta_graph
from graphc.train.saver import import_meta_graph as import_meta_graph
from graphc.train.training_util import assert_global_step as assert_global_step
from graphc.train.training_util import create_global_step as create_global_step
from graphc.train.training_util import get_global_step as get_global_step
from graphc.train.training_util import get_or_create_global_step as get_or_create_global_step
from graphc.train.training_util import global_step as global_step
