"""Models by name on data: trained, judged, held against history, and put to work."""
