"""Make a database from nothing or from a template: base schema, histories, seeds."""
