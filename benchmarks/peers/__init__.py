"""What the project is measured against."""
