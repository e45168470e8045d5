"""The project against its peers."""
