"""Where in a picture a scale may be printed: data bars, panels, coloured print; and pictures set straight."""
