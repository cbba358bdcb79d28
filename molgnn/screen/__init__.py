"""Screen a library. The package is also the verb: ``molgnn.screen(model, library, top=100)``, whose
arguments ``help(molgnn.screen.pipeline.screen)`` lists."""

import sys
from types import ModuleType


class _Verb(ModuleType):
    """A package that can be called. ``molgnn.screen`` names both the floor and what it does, and
    importing any module of the floor binds that name to the package."""

    @property
    def __signature__(self):
        """For ``help`` and for editors."""
        from inspect import signature

        from molgnn.screen.pipeline import screen

        return signature(screen)

    def __call__(self, *args, **kwargs):
        """See ``molgnn.screen.pipeline.screen``."""
        from molgnn.errors import in_python
        from molgnn.screen.pipeline import screen  # not above: workers import this file too

        return in_python(screen)(*args, **kwargs)


sys.modules[__name__].__class__ = _Verb
