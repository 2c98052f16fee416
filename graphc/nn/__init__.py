"""`tf.nn`, as TF1 spells it."""

from graphc.nn import rnn_cell as rnn_cell
from graphc.nn.dynamic import bidirectional_dynamic_rnn as bidirectional_dynamic_rnn
from graphc.nn.dynamic import dynamic_rnn as dynamic_rnn
from graphc.nn.raw import raw_rnn as raw_rnn
from graphc.nn.unrolled import static_bidirectional_rnn as static_bidirectional_rnn
from graphc.nn.unrolled import static_rnn as static_rnn
from graphc.nn.unrolled import static_state_saving_rnn as static_state_saving_rnn
from graphc.ops.batch_norm_ops import fused_batch_norm as fused_batch_norm
from graphc.ops.block_ops import depth_to_space as depth_to_space
from graphc.ops.block_ops import local_response_normalization as local_response_normalization
from graphc.ops.block_ops import lrn as lrn
from graphc.ops.block_ops import space_to_batch as space_to_batch
from graphc.ops.block_ops import space_to_depth as space_to_depth
from graphc.ops.candidate_sampling_ops import all_candidate_sampler as all_candidate_sampler
from graphc.ops.candidate_sampling_ops import compute_accidental_hits as compute_accidental_hits
from graphc.ops.candidate_sampling_ops import (
    fixed_unigram_candidate_sampler as fixed_unigram_candidate_sampler,
)
from graphc.ops.candidate_sampling_ops import (
    learned_unigram_candidate_sampler as learned_unigram_candidate_sampler,
)
from graphc.ops.candidate_sampling_ops import (
    log_uniform_candidate_sampler as log_uniform_candidate_sampler,
)
from graphc.ops.candidate_sampling_ops import uniform_candidate_sampler as uniform_candidate_sampler
from graphc.ops.conv_ops import atrous_conv2d as atrous_conv2d
from graphc.ops.conv_ops import conv1d as conv1d
from graphc.ops.conv_ops import conv2d as conv2d
from graphc.ops.conv_ops import conv3d as conv3d
from graphc.ops.conv_ops import convolution as convolution
from graphc.ops.conv_transpose_ops import atrous_conv2d_transpose as atrous_conv2d_transpose
from graphc.ops.conv_transpose_ops import conv1d_transpose as conv1d_transpose
from graphc.ops.conv_transpose_ops import conv2d_backprop_filter as conv2d_backprop_filter
from graphc.ops.conv_transpose_ops import conv2d_backprop_input as conv2d_backprop_input
from graphc.ops.conv_transpose_ops import conv2d_transpose as conv2d_transpose
from graphc.ops.conv_transpose_ops import conv3d_backprop_filter as conv3d_backprop_filter
from graphc.ops.conv_transpose_ops import conv3d_backprop_filter_v2 as conv3d_backprop_filter_v2
from graphc.ops.conv_transpose_ops import conv3d_transpose as conv3d_transpose
from graphc.ops.conv_transpose_ops import conv_transpose as conv_transpose
from graphc.ops.depthwise_ops import depthwise_conv2d as depthwise_conv2d
from graphc.ops.depthwise_ops import (
    depthwise_conv2d_backprop_filter as depthwise_conv2d_backprop_filter,
)
from graphc.ops.depthwise_ops import (
    depthwise_conv2d_backprop_input as depthwise_conv2d_backprop_input,
)
from graphc.ops.depthwise_ops import depthwise_conv2d_native as depthwise_conv2d_native
from graphc.ops.depthwise_ops import (
    depthwise_conv2d_native_backprop_filter as depthwise_conv2d_native_backprop_filter,
)
from graphc.ops.depthwise_ops import (
    depthwise_conv2d_native_backprop_input as depthwise_conv2d_native_backprop_input,
)
from graphc.ops.depthwise_ops import separable_conv2d as separable_conv2d
from graphc.ops.embedding_ops import embedding_lookup as embedding_lookup
from graphc.ops.nn_impl import (
    batch_norm_with_global_normalization as batch_norm_with_global_normalization,
)
from graphc.ops.nn_impl import batch_normalization as batch_normalization
from graphc.ops.nn_impl import l2_loss as l2_loss
from graphc.ops.nn_impl import l2_normalize as l2_normalize
from graphc.ops.nn_impl import log_poisson_loss as log_poisson_loss
from graphc.ops.nn_impl import moments as moments
from graphc.ops.nn_impl import normalize_moments as normalize_moments
from graphc.ops.nn_impl import (
    sigmoid_cross_entropy_with_logits as sigmoid_cross_entropy_with_logits,
)
from graphc.ops.nn_impl import sufficient_statistics as sufficient_statistics
from graphc.ops.nn_impl import (
    weighted_cross_entropy_with_logits as weighted_cross_entropy_with_logits,
)
from graphc.ops.nn_impl import weighted_moments as weighted_moments
from graphc.ops.nn_impl import zero_fraction as zero_fraction
from graphc.ops.nn_ops import bias_add as bias_add
from graphc.ops.nn_ops import crelu as crelu
from graphc.ops.nn_ops import dropout as dropout
from graphc.ops.nn_ops import elu as elu
from graphc.ops.nn_ops import leaky_relu as leaky_relu
from graphc.ops.nn_ops import log_softmax as log_softmax
from graphc.ops.nn_ops import relu as relu
from graphc.ops.nn_ops import relu6 as relu6
from graphc.ops.nn_ops import relu_layer as relu_layer
from graphc.ops.nn_ops import selu as selu
from graphc.ops.nn_ops import sigmoid as sigmoid
from graphc.ops.nn_ops import softmax as softmax
from graphc.ops.nn_ops import (
    softmax_cross_entropy_with_logits as softmax_cross_entropy_with_logits,
)
from graphc.ops.nn_ops import (
    softmax_cross_entropy_with_logits_v2 as softmax_cross_entropy_with_logits_v2,
)
from graphc.ops.nn_ops import softplus as softplus
from graphc.ops.nn_ops import softsign as softsign
from graphc.ops.nn_ops import (
    sparse_softmax_cross_entropy_with_logits as sparse_softmax_cross_entropy_with_logits,
)
from graphc.ops.nn_ops import swish as swish
from graphc.ops.nn_ops import tanh as tanh
from graphc.ops.nn_ops import xw_plus_b as xw_plus_b
from graphc.ops.pool_ops import avg_pool as avg_pool
from graphc.ops.pool_ops import avg_pool1d as avg_pool1d
from graphc.ops.pool_ops import avg_pool2d as avg_pool2d
from graphc.ops.pool_ops import avg_pool3d as avg_pool3d
from graphc.ops.pool_ops import max_pool as max_pool
from graphc.ops.pool_ops import max_pool1d as max_pool1d
from graphc.ops.pool_ops import max_pool2d as max_pool2d
from graphc.ops.pool_ops import max_pool3d as max_pool3d
from graphc.ops.pool_ops import max_pool_with_argmax as max_pool_with_argmax
from graphc.ops.pool_ops import pool as pool
from graphc.ops.sampled_losses import nce_loss as nce_loss
from graphc.ops.sampled_losses import sampled_softmax_loss as sampled_softmax_loss
from graphc.ops.sort_ops import in_top_k as in_top_k
from graphc.ops.sort_ops import top_k as top_k
