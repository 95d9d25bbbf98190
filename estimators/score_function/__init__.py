"""Score-function estimators: f is evaluated, log q is differentiated."""
