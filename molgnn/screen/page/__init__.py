"""The page of a screen: report.html, made of what the screen wrote and nothing else."""
