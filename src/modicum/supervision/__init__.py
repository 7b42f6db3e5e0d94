"""What the loop learns from."""
