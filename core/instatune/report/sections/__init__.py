"""The sections of the page, one a file, each a function from the summary to markup or None."""
