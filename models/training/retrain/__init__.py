"""The next version of a model from labelled field data: export in, measured package folder out. Releases nothing."""
