"""Tables of molecules and labels: read, merged, split."""
