"""What the pages of single studies say."""
