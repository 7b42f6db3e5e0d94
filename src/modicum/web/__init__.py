"""The page: label, train, correct, in a browser on this computer. FastAPI behind, plain ES modules in front (static/)."""
