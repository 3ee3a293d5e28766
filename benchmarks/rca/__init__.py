"""Root causes on labelled failures, by the offline reasoner over folders of cases."""
