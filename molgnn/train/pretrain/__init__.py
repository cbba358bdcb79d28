"""Pretraining: an autoencoder learns from a library without labels."""
