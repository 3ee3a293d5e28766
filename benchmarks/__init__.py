"""What is claimed is measured here: one command each, a table, and one JSON object as last line."""
