"""Makes no graph."""

print("nothing here")
