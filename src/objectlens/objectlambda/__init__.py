"""The story of a transformed GET."""
