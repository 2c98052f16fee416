"""Operation types: one definition per operation, one file per family.

Importing this registers them all.
"""

from graphc.ir.ops import activation as activation
from graphc.ir.ops import adjoint as adjoint
from graphc.ir.ops import arithmetic as arithmetic
from graphc.ir.ops import batch_norm as batch_norm
from graphc.ir.ops import blocks as blocks
from graphc.ir.ops import channels as channels
from graphc.ir.ops import checks as checks
from graphc.ir.ops import control_flow as control_flow
from graphc.ir.ops import convolution as convolution
from graphc.ir.ops import convolving as convolving
from graphc.ir.ops import core as core
from graphc.ir.ops import cross_entropy as cross_entropy
from graphc.ir.ops import depthwise as depthwise
from graphc.ir.ops import derivatives as derivatives
from graphc.ir.ops import diagonal as diagonal
from graphc.ir.ops import division as division
from graphc.ir.ops import filling as filling
from graphc.ir.ops import gathering as gathering
from graphc.ir.ops import host as host
from graphc.ir.ops import joining as joining
from graphc.ir.ops import linear as linear
from graphc.ir.ops import logic as logic
from graphc.ir.ops import mathematics as mathematics
from graphc.ir.ops import movement as movement
from graphc.ir.ops import nn as nn
from graphc.ir.ops import one_hot as one_hot
from graphc.ir.ops import padding as padding
from graphc.ir.ops import patches as patches
from graphc.ir.ops import pooling as pooling
from graphc.ir.ops import pooling_gradients as pooling_gradients
from graphc.ir.ops import pooling_positions as pooling_positions
from graphc.ir.ops import random as random
from graphc.ir.ops import reduction as reduction
from graphc.ir.ops import resizing as resizing
from graphc.ir.ops import scattering as scattering
from graphc.ir.ops import segments as segments
from graphc.ir.ops import sequences as sequences
from graphc.ir.ops import shape as shape
from graphc.ir.ops import sorting as sorting
from graphc.ir.ops import special as special
from graphc.ir.ops import splitting as splitting
from graphc.ir.ops import strided as strided
from graphc.ir.ops import strided_adjoint as strided_adjoint
from graphc.ir.ops import tensor_array as tensor_array
from graphc.ir.ops import training as training
from graphc.ir.ops import window_views as window_views
