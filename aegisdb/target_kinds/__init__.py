"""One kind of target a module, each with `KIND`; the word that chooses it is the module's name."""
