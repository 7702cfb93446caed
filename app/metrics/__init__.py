"""What operators can watch. Loaded only where metrics are turned on."""
