"""Eight pictures painted by programs: one module per painting, the shared tools in `brushes`."""
