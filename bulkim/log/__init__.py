"""What bulkim says of its work, and where it goes."""
