"""S3: ``service.py`` answers requests, ``objects.py`` holds the store that jobs use, too."""
