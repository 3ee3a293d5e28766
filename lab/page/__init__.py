"""The lab's own page: one server-rendered document, no script."""
