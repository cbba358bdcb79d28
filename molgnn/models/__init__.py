# What takes time to import; workers that score share it in memory.
PRELOAD = ("molgnn.models.ensemble",)
