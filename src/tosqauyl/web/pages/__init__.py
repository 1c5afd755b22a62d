"""Pages: what people look at, in Kazakh, Russian and English. Each page asks the API's own functions in this process, so nothing
can be done here that the API does not do, and whoever may not do a thing there may not do it here."""
