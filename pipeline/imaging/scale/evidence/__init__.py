"""What a reading is worth, and what else a picture says of its scale."""
