SELECT hash, content FROM price_books ORDER BY effective_from
