"""Packed libraries: graphs on disk, built once and read without RDKit."""
