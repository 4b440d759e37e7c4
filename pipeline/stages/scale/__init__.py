"""scale: readings, answers of people, and their rows."""
