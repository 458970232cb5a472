"""From pictures to arrays: fitting to a square, the prepared form, the training view."""
