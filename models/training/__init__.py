"""Makes the model packages that ship in `models/` from public data sets. Run `python -m training --help` in `models/`."""
