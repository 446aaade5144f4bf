"""What a vendor can do, declared as data."""
