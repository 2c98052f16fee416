"""`tf.losses`: losses with weights and reductions, and the collection they join."""

from graphc.losses.cross_entropy import sigmoid_cross_entropy as sigmoid_cross_entropy
from graphc.losses.cross_entropy import softmax_cross_entropy as softmax_cross_entropy
from graphc.losses.cross_entropy import sparse_softmax_cross_entropy as sparse_softmax_cross_entropy
from graphc.losses.reduction import Reduction as Reduction
from graphc.losses.reduction import add_loss as add_loss
from graphc.losses.reduction import compute_weighted_loss as compute_weighted_loss
from graphc.losses.regression import absolute_difference as absolute_difference
from graphc.losses.regression import cosine_distance as cosine_distance
from graphc.losses.regression import hinge_loss as hinge_loss
from graphc.losses.regression import huber_loss as huber_loss
from graphc.losses.regression import log_loss as log_loss
from graphc.losses.regression import mean_pairwise_squared_error as mean_pairwise_squared_error
from graphc.losses.regression import mean_squared_error as mean_squared_error
from graphc.losses.util import get_losses as get_losses
from graphc.losses.util import get_regularization_loss as get_regularization_loss
from graphc.losses.util import get_regularization_losses as get_regularization_losses
from graphc.losses.util import get_total_loss as get_total_loss
