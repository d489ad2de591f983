"""The examples of docs/extending.md, each installed as a package and used in a sweep."""
