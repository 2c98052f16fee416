"""`tf.contrib.seq2seq`: decoders, what they are given, attention, and the loss of sequences."""

from graphc.contrib.seq2seq.attention import BahdanauAttention as BahdanauAttention
from graphc.contrib.seq2seq.attention import LuongAttention as LuongAttention
from graphc.contrib.seq2seq.attention_wrapper import AttentionWrapper as AttentionWrapper
from graphc.contrib.seq2seq.attention_wrapper import AttentionWrapperState as AttentionWrapperState
from graphc.contrib.seq2seq.attention_wrapper import tile_batch as tile_batch
from graphc.contrib.seq2seq.beam_search import BeamSearchDecoder as BeamSearchDecoder
from graphc.contrib.seq2seq.beam_search import BeamSearchDecoderOutput as BeamSearchDecoderOutput
from graphc.contrib.seq2seq.beam_search import BeamSearchDecoderState as BeamSearchDecoderState
from graphc.contrib.seq2seq.beam_search import (
    FinalBeamSearchDecoderOutput as FinalBeamSearchDecoderOutput,
)
from graphc.contrib.seq2seq.beam_search import gather_tree as gather_tree
from graphc.contrib.seq2seq.decoder import BasicDecoder as BasicDecoder
from graphc.contrib.seq2seq.decoder import BasicDecoderOutput as BasicDecoderOutput
from graphc.contrib.seq2seq.decoder import Decoder as Decoder
from graphc.contrib.seq2seq.decoder import dynamic_decode as dynamic_decode
from graphc.contrib.seq2seq.helper import CustomHelper as CustomHelper
from graphc.contrib.seq2seq.helper import GreedyEmbeddingHelper as GreedyEmbeddingHelper
from graphc.contrib.seq2seq.helper import Helper as Helper
from graphc.contrib.seq2seq.helper import InferenceHelper as InferenceHelper
from graphc.contrib.seq2seq.helper import SampleEmbeddingHelper as SampleEmbeddingHelper
from graphc.contrib.seq2seq.helper import TrainingHelper as TrainingHelper
from graphc.contrib.seq2seq.loss import sequence_loss as sequence_loss
