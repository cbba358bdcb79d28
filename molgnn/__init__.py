"""molgnn: train graph networks on a few thousand molecules, screen a library, keep the best."""

__version__ = "0.1.0"
