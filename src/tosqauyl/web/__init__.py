"""The office over HTTP: API, access, problems; later the console and the public page."""
