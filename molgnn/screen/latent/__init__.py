"""The latent space of an encoder: vectors of molecules, to write down and to explore."""
