"""What microscopes write about a picture: tags in the file and text files beside it."""
