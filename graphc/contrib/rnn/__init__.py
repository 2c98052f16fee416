"""`tf.contrib.rnn`: the cells of `tf.nn.rnn_cell` and more of them, and unrolled networks."""

from graphc.contrib.rnn.attention import AttentionCellWrapper as AttentionCellWrapper
from graphc.contrib.rnn.layer_norm import LayerNormBasicLSTMCell as LayerNormBasicLSTMCell
from graphc.contrib.rnn.projections import EmbeddingWrapper as EmbeddingWrapper
from graphc.contrib.rnn.projections import InputProjectionWrapper as InputProjectionWrapper
from graphc.contrib.rnn.projections import OutputProjectionWrapper as OutputProjectionWrapper
from graphc.nn.rnn_cell import BasicLSTMCell as BasicLSTMCell
from graphc.nn.rnn_cell import BasicRNNCell as BasicRNNCell
from graphc.nn.rnn_cell import DeviceWrapper as DeviceWrapper
from graphc.nn.rnn_cell import DropoutWrapper as DropoutWrapper
from graphc.nn.rnn_cell import GRUCell as GRUCell
from graphc.nn.rnn_cell import LSTMCell as LSTMCell
from graphc.nn.rnn_cell import LSTMStateTuple as LSTMStateTuple
from graphc.nn.rnn_cell import MultiRNNCell as MultiRNNCell
from graphc.nn.rnn_cell import ResidualWrapper as ResidualWrapper
from graphc.nn.rnn_cell import RNNCell as RNNCell
from graphc.nn.rnn_cell.base import LayerRNNCell as LayerRNNCell
from graphc.nn.unrolled import static_bidirectional_rnn as static_bidirectional_rnn
from graphc.nn.unrolled import static_rnn as static_rnn
from graphc.nn.unrolled import static_state_saving_rnn as static_state_saving_rnn
