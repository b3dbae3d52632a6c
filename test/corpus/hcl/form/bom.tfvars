name = "with a mark"
size = 3
