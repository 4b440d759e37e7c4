"""assess: how good clusterings are where no labels are asked, and which number of clusters they recommend."""
