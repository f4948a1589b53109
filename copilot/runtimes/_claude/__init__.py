"""The Messages API of Claude, in its own words."""
