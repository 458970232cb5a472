"""How an OCR engine reads images before and after a tokenizer, and how two readings are compared."""
