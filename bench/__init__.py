"""The harness: it trains codebooks, runs tasks on their codes and keeps records; it knows no method by name."""
