"""The funnel: from the best of a library by one model to the hits worth a look, step by step."""
