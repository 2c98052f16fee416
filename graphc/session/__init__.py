"""Sessions: what users fetch and feed, bound to compiled programs."""
