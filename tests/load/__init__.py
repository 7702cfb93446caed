"""`make bench`: what requests cost, measured beside a floor in the same run."""
