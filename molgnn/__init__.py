"""molgnn: train graph networks on a few thousand molecules, screen a library, keep the best.

The same verbs as the command line: ``load``, ``fit``, ``tune``, ``evaluate``, ``pretrain``,
``latent_space``, ``screen``, ``rescore``, ``explain``; a loaded model has ``predict`` and
``embed``. They are imported on first use, so that ``import molgnn`` takes no time.
"""

from importlib import import_module

__version__ = "0.1.0"
__all__ = [
    "__version__",
    "evaluate",
    "explain",
    "fit",
    "latent_space",
    "load",
    "pretrain",
    "rescore",
    "screen",
    "tune",
]

_VERBS = {
    "load": ("molgnn.models.bundle", "load_bundle"),
    "fit": ("molgnn.train.api", "fit"),
    "evaluate": ("molgnn.train.api", "evaluate"),
    "tune": ("molgnn.train.tuning.api", "tune"),
    "latent_space": ("molgnn.screen.latent.space", "latent_space"),
    "explain": ("molgnn.screen.explain.api", "explain"),
    "pretrain": ("molgnn.train.pretrain.api", "pretrain_on"),
    "rescore": ("molgnn.screen.funnel.again", "rescore"),
}


def __getattr__(name: str):
    if name in _VERBS:
        from molgnn.errors import in_python

        module, verb = _VERBS[name]
        return in_python(getattr(import_module(module), verb))
    if name == "screen":  # the floor is the verb: see molgnn.screen
        return import_module("molgnn.screen")
    raise AttributeError(f"module 'molgnn' has no attribute {name!r}")
