"""The `nst` command: `cli` what can be asked, `jobs` which pictures, `video` films, `about` what is installed."""
