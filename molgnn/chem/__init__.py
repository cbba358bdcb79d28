"""Chemistry with RDKit and numpy only: no torch here, so that worker processes start fast."""
