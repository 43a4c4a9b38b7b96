"""Assembly: builds, starts, drains and stops the service."""
