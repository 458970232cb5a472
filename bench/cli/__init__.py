"""The command line: `main` parses and calls, `listing` and `doctor` are pages it prints."""
