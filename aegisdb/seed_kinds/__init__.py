"""One kind of seed a module, each with `KIND`; the key that chooses it is the module's name."""
