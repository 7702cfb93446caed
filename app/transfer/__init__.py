"""Files of accounts: reading them line by line, writing them, and remembering how far one got."""
