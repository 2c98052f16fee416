"""What TF1 calls the framework: the default graph, scopes, variables, conversions, shapes."""
