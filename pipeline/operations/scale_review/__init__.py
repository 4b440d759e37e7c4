"""People and scales: the review page, answers taken in, true values, a picture with what was found."""
