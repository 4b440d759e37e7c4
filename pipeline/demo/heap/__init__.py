"""The great heap of small files behind the sample corpus: every kind of file that a share can hold, by the thousand."""
