"""`bench report`: results as one HTML file that needs nothing else, for people without varbench."""
