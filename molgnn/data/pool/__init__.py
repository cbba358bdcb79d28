"""Worker processes: chunks of rows in, results out, in order and in bounded memory."""
