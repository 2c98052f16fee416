"""The benchmark suite behind `graphc bench`.

Tables of workloads (`tables/`), what runs them (`implementations/`: graphc and its peers), and the
measurement: one process per implementation, interleaved rounds, results held to a float64
reference.
"""
