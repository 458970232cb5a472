"""Words, captions and questions, and how they are scored."""
