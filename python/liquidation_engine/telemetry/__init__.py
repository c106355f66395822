"""What the engine tells about itself: logs, metrics, stage times. Any package above the words may import it."""
