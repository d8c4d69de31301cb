"""One rule a module, each with `RULE`; the id is the module's name with dashes."""
