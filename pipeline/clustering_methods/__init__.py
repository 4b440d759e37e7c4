"""The clustering methods: a file a method (its settings and how it is fitted), and one table of them, `registry`."""
