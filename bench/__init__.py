"""What it costs, as ratios measured side by side in one run: a figure in seconds says more about the machine."""
