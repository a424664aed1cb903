"""How the files in ``components/pii/ner`` were made; see ``README.md``."""
