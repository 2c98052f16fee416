"""TensorFlow's checkpoint files: tensors by name in an index (a sorted table) and a data file."""
