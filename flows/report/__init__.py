"""`quantmini report`: the lake on one page, an HTML file that needs nothing beside it."""
