"""A screen's check on itself: known molecules are hidden in the library, and looked for."""
