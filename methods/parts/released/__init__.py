"""Released tokenizers: a file a family, their table in `families`, and `weights`, `config`, `network` for all."""
