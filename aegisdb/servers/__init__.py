"""The targets' servers: embedded, compose, url."""
