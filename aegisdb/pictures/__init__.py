"""Pictures of a database and of histories, as SVG that needs no program and as Mermaid for Markdown."""
