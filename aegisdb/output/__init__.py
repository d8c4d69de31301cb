"""The only place that prints: text and JSON views, progress, masking."""
