"""Float execution of networks in numpy."""
