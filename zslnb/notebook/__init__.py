"""The reader's desk, and the notebooks as files."""
