"""The demo: the notebook's pipeline on one recording, and the page that shows it."""
