"""One canonical line of text for each schema object, and the difference of two schemas."""
