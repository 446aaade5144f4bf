"""What proves who we are."""
