"""The examples of docs/how_to/extending.md, each installed as a package and used in a sweep."""
