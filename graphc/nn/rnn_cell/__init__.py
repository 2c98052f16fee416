"""`tf.nn.rnn_cell`: steps of recurrent networks."""

from graphc.nn.rnn_cell.base import RNNCell as RNNCell
from graphc.nn.rnn_cell.lstm import BasicLSTMCell as BasicLSTMCell
from graphc.nn.rnn_cell.lstm import LSTMCell as LSTMCell
from graphc.nn.rnn_cell.lstm import LSTMStateTuple as LSTMStateTuple
from graphc.nn.rnn_cell.multi import MultiRNNCell as MultiRNNCell
from graphc.nn.rnn_cell.simple import BasicRNNCell as BasicRNNCell
from graphc.nn.rnn_cell.simple import GRUCell as GRUCell
from graphc.nn.rnn_cell.wrappers import DeviceWrapper as DeviceWrapper
from graphc.nn.rnn_cell.wrappers import DropoutWrapper as DropoutWrapper
from graphc.nn.rnn_cell.wrappers import ResidualWrapper as ResidualWrapper
