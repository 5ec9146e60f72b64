"""Charts as inline SVG: pure functions from data to markup, coloured by the page's style sheet."""
