"""Rules by topic; each joins two facts and was written from a page of the documentation."""
