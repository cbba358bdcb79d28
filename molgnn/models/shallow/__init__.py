"""Models without a graph: mean, nearest neighbours, random forest, boosted trees."""
