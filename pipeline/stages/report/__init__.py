"""report: the tables, figures and the page."""
