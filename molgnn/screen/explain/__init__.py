"""Why a molecule has its score: attributions of atoms and bonds, rationales, known neighbours."""
