"""What the records prove, by how much and how sure: estimators, intervals and marks, one a file."""
